/* main.c - the program `thalweg`: finds the command and hands it its arguments. */
#include "codegen/target/target.h"
#include "frontend/command/command.h"
#include "frontend/command/commit.h"
#include "frontend/command/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef int CommandFunction(const Arguments *arguments);

static CommandFunction *const function[] = {
#define COMMAND(name, ...) command_##name,
#include "frontend/command/commands.def"
#undef COMMAND
};

/* What is opened for the program's files must not take the place of a stream that is closed. */
static bool fill_standard_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream) return false;
    return true;
}

/* The exit code: whether all of standard output could be written may only be seen now. */
static int end(int code) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    const char *reason = errno ? strerror(errno) : "an earlier write failed";
    if (command_is_unread()) return EXIT_UNREAD;
    fprintf(stderr, "error: standard output could not be written: %s\n", reason);
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

static int refuse(const char *command, const Complaint *complaint) {
    fprintf(stderr, "thalweg%s%s: %s\n", command ? " " : "", command ? command : "",
            complaint->text);
    fprintf(stderr, "`thalweg %s%s--help` says what there is\n", command ? command : "",
            command ? " " : "");
    return EXIT_USAGE;
}

static int print_version(void) {
    Arena *arena = arena_create();
    printf("thalweg %s%s%s, LLVM %s\n", THALWEG_VERSION, *thalweg_commit ? ", commit " : "",
           thalweg_commit, target_llvm_version(arena));
    arena_destroy(arena);
    return end(EXIT_DONE);
}

static int print_help(Command command) {
    options_print_help(command, stdout);
    if (command == COMMAND_opt) {
        printf("\nPasses, in their order:\n");
        thalweg_print_passes(stdout);
    }
    return end(EXIT_DONE);
}

static bool asks_for_help(const char *value) {
    return value && strcmp(value, "help") == 0;
}

typedef struct {
    Command command;
    const Arguments *arguments;
    int code;
} Call;

static void call(void *context) {
    Call *this = context;
    this->code = function[this->command](this->arguments);
}

static int call_command(Command command, const Arguments *arguments) {
    Call this = {command, arguments, EXIT_FAILED};
    if (!arena_try(call, &this)) fprintf(stderr, "thalweg: out of memory\n");
    return this.code;
}

static int run(Command command, int count, const char **words) {
    const char *name = options_command_name(command);
    Arguments arguments;
    Complaint complaint;
    if (!options_parse(command, count, words, &arguments, &complaint))
        return refuse(name, &complaint);
    if (arguments.help) return print_help(command);
    if (asks_for_help(arguments.cpu) || asks_for_help(arguments.target) ||
        asks_for_help(arguments.features)) {
        thalweg_print_cpus(stdout);
        return end(EXIT_DONE);
    }
    if (arguments.operations) {
        thalweg_print_operations(stdout);
        return end(EXIT_DONE);
    }
    if (arguments.print_target) return end(command_print_target(&arguments));
    if (!options_check_operands(command, &arguments, &complaint)) return refuse(name, &complaint);
    interrupt_begin();
    return end(call_command(command, &arguments));
}

int main(int argc, char **argv) {
    Complaint complaint = {"a command is missing"};
    if (!fill_standard_streams()) return EXIT_FAILED;
    if (argc < 2) return refuse(NULL, &complaint);
    const bool is_help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                         strcmp(argv[1], "help") == 0;
    if (is_help && argc == 2) {
        options_print_usage(stdout);
        return end(EXIT_DONE);
    }
    if (strcmp(argv[1], "--version") == 0) return print_version();
    const Command command = options_command(argv[is_help ? 2 : 1], &complaint);
    if (command == COMMAND_COUNT) return refuse(NULL, &complaint);
    if (is_help) return print_help(command);
    return run(command, argc - 2, (const char **)argv + 2);
}
