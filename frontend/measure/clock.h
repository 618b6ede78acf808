/* clock.h - seconds that only ever go on, from some moment. */
#ifndef FRONTEND_CLOCK_H
#define FRONTEND_CLOCK_H

double clock_seconds(void);

#endif
