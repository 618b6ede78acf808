/* chat_terminal.c - `thalweg chat` as somebody at a terminal meets it: PROGRAM MODEL FOLDER. What
 * is typed goes through a pseudo-terminal, and what is shown is waited for. FOLDER is made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 60 /* seconds, which no step takes but on a very busy machine */ };

static int terminal;
static pid_t child;
static char shown[1 << 20]; /* what has not been waited for yet */
static size_t shown_count;

static _Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nwhat was shown last: %s\n", shown);
    kill(child, SIGKILL);
    exit(1);
}

static void begin(char *const *arguments) {
    shown_count = 0;
    child = forkpty(&terminal, NULL, NULL, NULL);
    if (child < 0) fail("no pseudo-terminal");
    if (child > 0) return;
    setenv("TERM", "vt100", 1);
    execv(arguments[0], arguments);
    _exit(127);
}

/* False: the program has ended. */
static int read_more(time_t until) {
    struct pollfd wanted = {.fd = terminal, .events = POLLIN};
    const time_t now = time(NULL);
    if (now > until || poll(&wanted, 1, (int)(until - now + 1) * 1000) <= 0) fail("waited in vain");
    const ssize_t got = read(terminal, shown + shown_count, sizeof shown - 1 - shown_count);
    if (got <= 0) return 0;
    shown_count += (size_t)got;
    shown[shown_count] = 0;
    return 1;
}

/* Waits until the text is shown, and forgets all up to its end, before which `never` must not be.
 */
static void expect_without(const char *text, const char *never) {
    const time_t until = time(NULL) + PATIENCE;
    char *found;
    shown[shown_count] = 0;
    while (!(found = strstr(shown, text)))
        if (!read_more(until)) fail("ended before '%s' was shown", text);
    const char *unwanted = never ? strstr(shown, never) : NULL;
    if (unwanted && unwanted < found) fail("'%s' is shown", never);
    const size_t end = (size_t)(found - shown) + strlen(text);
    memmove(shown, shown + end, shown_count - end + 1);
    shown_count -= end;
}

static void expect(const char *text) {
    expect_without(text, NULL);
}

static void type(const char *text) {
    if (write(terminal, text, strlen(text)) != (ssize_t)strlen(text)) fail("cannot type");
}

/* Ctrl-C. The kernel drops what is on its way to the terminal just then, the next prompt perhaps: an
 * empty line gets another. */
static void interrupt(void) {
    type("\003");
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    type("\n");
}

static void expect_end(int code) {
    int status;
    const time_t until = time(NULL) + PATIENCE;
    while (read_more(until)) continue;
    waitpid(child, &status, 0);
    close(terminal);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        fail("ended with %x, and not with %d", (unsigned)status, code);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) fail("cannot write %s", path);
}

static int file_has(const char *path, const char *text) {
    char bytes[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = 0;
    fclose(file);
    return strstr(bytes, text) != NULL;
}

/* The interpreter is slow enough to be stopped within an answer. */
int main(int count, char **given) {
    char template[1024], saved[1024], line[1100];
    if (count != 4) return 2;
    mkdir(given[3], 0700);
    snprintf(template, sizeof template, "%s/chat.jinja", given[3]);
    snprintf(saved, sizeof saved, "%s/talk.json", given[3]);
    snprintf(line, sizeof line, "/save %s\n", saved);
    unlink(saved);
    write_file(template, "{% for m in messages %}{{ m.role }}:\n{{ m.content }}\n\n{% endfor %}");
    char *const arguments[] = {given[1], "chat",     given[2],      "--chat-template",
                               template, "--engine", "interpreter", "--system",
                               "Speak.", "-t",       "0",           NULL};
    begin(arguments);
    expect("/help shows the commands");
    expect("> ");
    type("First Citizen?\n");
    expect("First Citizen?"); /* as it is typed */
    expect("CORIOLANUS:"); /* the answer begins */
    interrupt();
    expect_without("> ", "the context is full");
    type(line);
    expect("3 messages are in");
    if (!file_has(saved, "\"content\": \"First Citizen?\"},\n  {\"role\": \"assistant\""))
        fail("the talk does not have the answer that was stopped");
    interrupt();
    expect("> ");
    type("/stats\n");
    expect("of 256 tokens of the context");
    type("/reset\n");
    expect("a new talk");
    type(line);
    expect("1 messages are in");
    type("/nothing\n");
    expect("there is no command '/nothing'");
    type("one \\\n");
    expect(". ");
    type("/quit\n"); /* a part of the message */
    expect("A sight");
    interrupt();
    expect("> ");
    type("/quit\n");
    expect_end(0);
    begin(arguments);
    expect("/help shows the commands");
    expect("> ");
    type("\004");
    expect_end(0);
    begin(arguments);
    type("\004"); /* while the model is read, when the terminal is not the editor's */
    expect_end(0);
    return 0;
}
