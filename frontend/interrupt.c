#include "frontend/interrupt.h"

#include <signal.h>
#include <stddef.h>

/* The one variable that is the whole program's: a signal handler can reach nothing else. */
static volatile sig_atomic_t received;

static void receive(int signal) {
    received = signal;
}

static void catch (int number) {
    struct sigaction before;
    if (sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN) return;
    struct sigaction action = {.sa_handler = receive, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void interrupt_begin(void) {
    catch (SIGINT);
    catch (SIGTERM);
    signal(SIGPIPE, SIG_IGN);
}

int interrupt_signal(void) {
    return received;
}
