/* command_check.c - `thalweg check`: reads models and looks at their weights. */
#include "frontend/command/command.h"

#include "frontend/command/interrupt.h"

/* 1234567 as "1 234 567". */
static void print_grouped(int64_t value) {
    if (value >= 1000) {
        print_grouped(value / 1000);
        printf(" %03d", (int)(value % 1000));
    } else {
        printf("%d", (int)value);
    }
}

static int check(const Arguments *arguments, const char *path) {
    Progress progress;
    Thalweg *thalweg = command_thalweg(arguments, &progress);
    if (!thalweg) return EXIT_FAILED;
    const bool is_right = thalweg_read_file(thalweg, path) && thalweg_check_weights(thalweg);
    if (is_right) {
        const ThalwegModel model = thalweg_model(thalweg);
        printf("%s: ok, ", path);
        print_grouped(model.parameters);
        printf(" parameters, vocabulary %lld, context %lld, width %lld\n", (long long)model.vocab,
               (long long)model.context, (long long)model.width);
        if (*model.types) printf("%s: matrices, %s\n", path, model.types);
    }
    return command_end(thalweg, &progress, is_right);
}

int command_check(const Arguments *arguments) {
    int worst = EXIT_DONE;
    for (int i = 0; i < arguments->operand_count && !interrupt_signal(); i++) {
        const int code = check(arguments, arguments->operands[i]);
        if (code > worst) worst = code;
    }
    return worst;
}
