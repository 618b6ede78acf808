#include "frontend/tune/budget.h"

void budget_guess(Budget *budget, BudgetStep step, double seconds) {
    budget->expected[step] = seconds;
}

void budget_note(Budget *budget, BudgetStep step, double seconds) {
    if (!budget->is_known[step] || seconds > budget->expected[step])
        budget->expected[step] = seconds;
    budget->is_known[step] = true;
}

bool budget_has(const Budget *budget, double now, double seconds) {
    return now + seconds + budget->reserved <= budget->end;
}

bool budget_has_experiment(const Budget *budget, double now) {
    const double winners = budget->expected[STEP_AGAIN] + budget->expected[STEP_CALLS];
    const double seconds = budget->expected[STEP_TRIAL];
    return budget_has(budget, now, seconds + (budget->is_known[STEP_TRIAL] ? winners : 0));
}
