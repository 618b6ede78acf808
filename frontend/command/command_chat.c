/* command_chat.c - `thalweg chat`: a talk with a model, line by line. */
#include "frontend/command/command.h"

#include "frontend/command/chat_lines.h"
#include "frontend/command/chat_talk.h"
#include "frontend/command/interrupt.h"
#include "frontend/command/sampling.h"
#include "frontend/files/output_file.h"
#include "runtime/generation/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Chat {
    const Arguments *arguments;
    Progress *progress;
    Thalweg *thalweg;
    ThalwegModel model;
    ChatText text;
    Talk talk;
    ChatLines *lines;
    bool is_terminal; /* somebody types */
    bool is_over;
} Chat;

/* ---- commands ---- */

static const char help[] =
    "/help        show this\n"
    "/reset       begin a new talk; the system prompt stays\n"
    "/save FILE   write the messages to a file, as JSON\n"
    "/stats       tokens of the talk, and the speed of the last answer\n"
    "/quit        end the chat; so does Ctrl-D\n"
    "Ctrl-C stops an answer. A line that ends with \\ goes on in the next; // begins one with /.\n";

static void say(const char *text) {
    fputs(text, stderr);
}

/* The system prompt alone. */
static bool begin_talk(Chat *chat) {
    const char *system = chat->arguments->system_prompt;
    talk_forget(&chat->talk, 0);
    return !system || talk_add(&chat->talk, "system", system, strlen(system)) ||
           command_fail(chat->progress, "out of memory");
}

static void write_messages(const Talk *talk, FILE *out) {
    fputs("[\n", out);
    for (size_t i = 0; i < talk->count; i++) {
        const TwMessage *message = &talk->messages[i];
        fputs("  {\"role\": ", out);
        json_text_string(message->role, strlen(message->role), out);
        fputs(", \"content\": ", out);
        json_text_string(message->content, strlen(message->content), out);
        fputs(i + 1 < talk->count ? "},\n" : "}\n", out);
    }
    fputs("]\n", out);
}

static void save(Chat *chat, const char *path) {
    if (!*path) {
        say("/save needs the name of a file: /save talk.json\n");
        return;
    }
    Diag diag = {.arena = arena_create()};
    OutputFile file;
    if (output_file_open(&file, path, &diag)) {
        write_messages(&chat->talk, file.stream);
        if (output_file_close(&file, true, &diag))
            fprintf(stderr, "%zu messages are in %s\n", chat->talk.count, path);
    }
    diag_print(&diag, stderr);
    arena_destroy(diag.arena);
}

static double rate(int64_t tokens, double seconds) {
    return seconds > 0 ? (double)tokens / seconds : 0;
}

static void show_stats(const Chat *chat) {
    const TalkStats *stats = &chat->talk.stats;
    fprintf(stderr, "%lld of %lld tokens of the context are used\n",
            (long long)engine_position(chat->talk.engine), (long long)chat->model.context);
    fprintf(stderr,
            "the last answer: %lld tokens kept, %lld read (%.1f a second), %lld written (%.1f a "
            "second)\n",
            (long long)stats->kept, (long long)stats->fed, rate(stats->fed, stats->feed_seconds),
            (long long)stats->written, rate(stats->written, stats->write_seconds));
}

static bool is_command(const char *line, const char *name, const char **rest) {
    const size_t bytes = strlen(name);
    if (strncmp(line, name, bytes) != 0 || (line[bytes] && line[bytes] != ' ')) return false;
    for (*rest = line + bytes; **rest == ' ';) ++*rest;
    return true;
}

static bool obey(Chat *chat, const char *line) {
    const char *rest;
    if (is_command(line, "/help", &rest)) {
        say(help);
    } else if (is_command(line, "/reset", &rest)) {
        say("a new talk\n");
        return begin_talk(chat);
    } else if (is_command(line, "/save", &rest)) {
        save(chat, rest);
    } else if (is_command(line, "/stats", &rest)) {
        show_stats(chat);
    } else if (is_command(line, "/quit", &rest)) {
        chat->is_over = true;
    } else {
        fprintf(stderr, "there is no command '%s'; /help shows those there are\n", line);
    }
    return true;
}

/* ---- turns ---- */

/* Whether a signal only stops what is done just now: Ctrl-C, where somebody types. */
static bool is_stop(const Chat *chat) {
    if (!chat->is_terminal || interrupt_signal() != SIGINT) return false;
    interrupt_forget();
    return true;
}

static bool ask(Chat *chat, const char *question) {
    const TalkEnd end = talk_ask(&chat->talk, question);
    if (end != TALK_FAILED) putchar('\n');
    fflush(stdout);
    if (end == TALK_BROKEN || ferror(stdout)) return false;
    if (end == TALK_FULL)
        say("the context is full, and the answer cut: /reset begins a new talk\n");
    if (end == TALK_STOPPED) return is_stop(chat);
    return end != TALK_FAILED || chat->is_terminal;
}

/* Lines as long as they end with a backslash; malloc, null where there are none. */
static char *read_turn(Chat *chat, ChatLine *result) {
    char *turn = NULL;
    size_t bytes = 0;
    for (const char *line, *prompt = "> ";; prompt = ". ") {
        *result = chat_lines_next(chat->lines, prompt, &line);
        if (*result != CHAT_LINE) break;
        const size_t length = strlen(line);
        const bool goes_on = length && line[length - 1] == '\\';
        char *longer = realloc(turn, bytes + length + 2);
        if (!longer) {
            *result = CHAT_LINE_FAILED;
            break;
        }
        turn = longer;
        memcpy(turn + bytes, line, length + 1);
        bytes += length;
        if (!goes_on) return turn;
        turn[bytes - 1] = '\n';
    }
    if (*result == CHAT_LINE_END && turn) {
        *result = CHAT_LINE;
        return turn;
    }
    free(turn);
    return NULL;
}

static bool take_turn(Chat *chat) {
    ChatLine result;
    char *turn = read_turn(chat, &result);
    bool goes_on = true;
    switch (result) {
    case CHAT_LINE:
        if (turn[0] == '/' && turn[1] != '/')
            goes_on = obey(chat, turn);
        else if (turn[strspn(turn, " \t\n")])
            goes_on = ask(chat, turn + (turn[0] == '/'));
        break;
    case CHAT_LINE_END:
        if (chat->is_terminal) putchar('\n');
        chat->is_over = true;
        break;
    case CHAT_LINE_INTERRUPT:
        goes_on = is_stop(chat);
        if (goes_on) say("\n/quit or Ctrl-D ends the chat\n");
        break;
    default:
        goes_on =
            command_fail(chat->progress, "standard input cannot be read: %s", strerror(errno));
    }
    free(turn);
    return goes_on;
}

/* ---- the whole ---- */

static bool open_talk(Chat *chat) {
    const Arguments *arguments = chat->arguments;
    const EngineOptions options = {.is_interpreted = arguments->engine == ENGINE_INTERPRETER};
    Talk *talk = &chat->talk;
    *talk = (Talk){.text = &chat->text,
                   .progress = chat->progress,
                   .context = chat->model.context,
                   .most = arguments->answer_count,
                   .ignores_ends = arguments->ignore_eos};
    talk->stops = sampling_stops(arguments, true, chat->progress);
    if (talk->stops) talk->sampler = sampling_create(arguments, &chat->model, chat->progress);
    if (talk->sampler) talk->engine = command_engine(chat->thalweg, &options, chat->progress);
    if (!talk->engine) return false;
    if (!talk_begin(talk)) return command_fail(chat->progress, "out of memory");
    return begin_talk(chat);
}

static bool run_chat(Chat *chat) {
    if (!thalweg_read_file(chat->thalweg, chat->arguments->operands[0])) return false;
    chat->model = thalweg_model(chat->thalweg);
    if (!chat->model.generates)
        return command_fail(chat->progress, "'%s' %s: it cannot chat", chat->model.name,
                            command_why_not(&chat->model));
    if (!chat_text_open(&chat->text, chat->arguments, chat->thalweg, chat->progress) ||
        !open_talk(chat))
        return false;
    progress_end(chat->progress);
    chat->is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    chat->lines = chat_lines_open(chat->is_terminal);
    if (!chat->lines) return command_fail(chat->progress, "out of memory");
    if (chat->is_terminal) fprintf(stderr, "%s; /help shows the commands\n", chat->model.name);
    while (!chat->is_over)
        if (!take_turn(chat)) return false;
    return true;
}

int command_chat(const Arguments *arguments) {
    const char *wrong = sampling_misused(arguments);
    if (wrong) return command_misused(COMMAND_chat, wrong);
    Progress progress;
    Chat chat = {.arguments = arguments, .progress = &progress};
    chat.thalweg = command_thalweg(arguments, &progress);
    if (!chat.thalweg) return EXIT_FAILED;
    const bool is_done = run_chat(&chat);
    chat_lines_close(chat.lines);
    talk_end(&chat.talk);
    engine_destroy(chat.talk.engine);
    tw_sampler_destroy(chat.talk.sampler);
    stop_texts_destroy(chat.talk.stops);
    chat_text_close(&chat.text);
    return command_end(chat.thalweg, &progress, is_done);
}
