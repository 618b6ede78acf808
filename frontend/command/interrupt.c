#include "frontend/command/interrupt.h"

#include "frontend/measure/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>

/* The only variables that are the whole program's: a signal handler can reach nothing else. */
static volatile sig_atomic_t received;
static double received_at; /* the handler's own */

static void receive(int number) {
    const double now = clock_seconds();
    if (received && now - received_at > 1) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    if (!received) received_at = now;
    received = number;
}

static void fill_with_caught(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

/* While the handler of one signal runs, the other waits. */
static void catch (int number) {
    struct sigaction before;
    if (sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN) return;
    struct sigaction action = {.sa_handler = receive, .sa_flags = SA_RESTART};
    fill_with_caught(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void interrupt_begin(void) {
    catch (SIGHUP);
    catch (SIGINT);
    catch (SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int interrupt_signal(void) {
    return received;
}

void interrupt_forget(void) {
    received = 0;
}

/* A signal that comes between the question and the wait ends the wait, too. */
bool interrupt_wait_for_input(int file) {
    struct pollfd wanted = {.fd = file, .events = POLLIN};
    sigset_t caught, before;
    fill_with_caught(&caught);
    sigprocmask(SIG_BLOCK, &caught, &before);
    bool has_input = false;
    while (!has_input && !interrupt_signal())
        has_input = ppoll(&wanted, 1, NULL, &before) >= 0 || errno != EINTR;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return has_input;
}
