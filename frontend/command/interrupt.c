#include "frontend/command/interrupt.h"

#include "frontend/measure/clock.h"

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

/* While the handler of one signal runs, the other waits. */
static void catch (int number) {
    struct sigaction before;
    if (sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN) return;
    struct sigaction action = {.sa_handler = receive, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
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
