/* two_models.c SHAKESPEARE.weights - two models in one program, one of them with its weights
 * inside. */
#include "gpt2_mini.h"
#include "shakespeare.h"

#include <stdio.h>

int main(int argc, char **argv) {
    shakespeare_model *first = NULL;
    gpt2_mini_model *second = NULL;
    shakespeare_session *a = NULL;
    gpt2_mini_session *b = NULL;
    const int32_t tokens[] = {1, 2, 3};
    if (argc != 2 || shakespeare_open(argv[1], &first) || gpt2_mini_open(NULL, &second)) return 1;
    if (shakespeare_session_new(first, NULL, &a) || gpt2_mini_session_new(second, NULL, &b))
        return 2;
    if (shakespeare_prefill(a, tokens, 3) || gpt2_mini_prefill(b, tokens, 3)) return 3;
    printf("%g %g\n", (double)shakespeare_logits(a, 0)[0], (double)gpt2_mini_logits(b, 0)[0]);
    /* The weights of one are not those of the other. */
    gpt2_mini_model *third = NULL;
    if (gpt2_mini_open(argv[1], &third) != GPT2_MINI_WRONG_LAYOUT || third) return 4;
    shakespeare_session_free(a);
    gpt2_mini_session_free(b);
    shakespeare_close(first);
    gpt2_mini_close(second);
    return 0;
}
