/* pattern_compile.c - from states to rows, by the construction of subsets that keeps the order of
 * ways: a row is the list of states that may be reached, the preferred first, and ends where one of
 * them has matched (Cox, Regular Expression Matching in the Wild; Pike's machine).
 *
 * A row is what is known before the next character is: the states, which sets the character before
 * is in, and what other automata have answered at this place. Its entry for a class follows the
 * ways that need no character, with the class known.
 */
#include "frontend/text/pattern_compile.h"

#include "frontend/text/pattern_states.h"
#include "ir/hash.h"
#include "runtime/text/pattern.h"

#include <string.h>

enum { PATTERN_STEPS = 20 * 1000 * 1000 /* at most, of time */, SLOTS = 1 << 15 };

typedef struct {
    int automaton;
    uint32_t behind;          /* a bit for each set that is looked for behind */
    uint32_t asked, answered; /* a bit for each automaton: what is known, and that it matches */
    int count;
    int *state;
} Row;

typedef struct {
    const States *states;
    Arena *arena;
    Row row[TEXT_PATTERN_ROWS];
    uint32_t *entry[TEXT_PATTERN_ROWS]; /* rows in place of places */
    TextAsk ask[TEXT_PATTERN_ROWS];
    int rows, asks;
    int slot[SLOTS]; /* a hash of rows: number + 1 */
    int *mark;       /* of each state, when it was met last */
    int turn;
    int *stack, *list;
    int64_t steps;
    bool is_too_large;
} Maker;

/* ---- rows ---- */

static uint64_t row_hash(const Row *row) {
    uint64_t hash = hash_add(hash_begin, (uint64_t)row->automaton);
    hash = hash_add(hash_add(hash_add(hash, row->behind), row->asked), row->answered);
    for (int i = 0; i < row->count; i++) hash = hash_add(hash, (uint64_t)row->state[i]);
    return hash_end(hash);
}

static bool row_equal(const Row *a, const Row *b) {
    return a->automaton == b->automaton && a->behind == b->behind && a->asked == b->asked &&
           a->answered == b->answered && a->count == b->count &&
           !memcmp(a->state, b->state, (size_t)a->count * sizeof *a->state);
}

/* The number of the row, which is copied if it is met for the first time. */
static uint32_t find_row(Maker *m, const Row *row) {
    uint64_t at = row_hash(row) % SLOTS;
    for (; m->slot[at]; at = (at + 1) % SLOTS)
        if (row_equal(&m->row[m->slot[at] - 1], row)) return (uint32_t)m->slot[at] - 1;
    if (m->rows == TEXT_PATTERN_ROWS) {
        m->is_too_large = true;
        return 0;
    }
    Row *copy = &m->row[m->rows];
    *copy = *row;
    copy->state = ARENA_ARRAY(m->arena, int, (size_t)row->count + 1);
    memcpy(copy->state, row->state, (size_t)row->count * sizeof *row->state);
    m->slot[at] = ++m->rows;
    return (uint32_t)m->rows - 1;
}

static bool in_set(const Maker *m, int set, int class) {
    return m->states->has[set * m->states->classes + class];
}

static uint32_t behind_of(const Maker *m, int class) {
    uint32_t bits = 0;
    for (int i = 0; class < m->states->classes && i < m->states->behind_count; i++)
        if (in_set(m, m->states->behind[i], class)) bits |= 1U << i;
    return bits;
}

/* ---- ways that need no character ---- */

/* Behind the begin of a text nothing is known to be; a bit says so. */
static bool is_behind(const Maker *m, const Row *row, const State *state) {
    if (row->behind >> 31) return state->at_edge;
    int i = 0;
    while (m->states->behind[i] != state->set) i++;
    return row->behind >> i & 1;
}

static bool is_ahead(const Maker *m, const State *state, int class) {
    return class == m->states->classes ? state->at_edge : in_set(m, state->set, class);
}

/* Does a state that needs no character let through? `class` -1: any may follow. */
static bool passes(const Maker *m, const Row *row, const State *state, int class) {
    switch (state->kind) {
    case STATE_AHEAD: return class < 0 || is_ahead(m, state, class);
    case STATE_BEHIND: return is_behind(m, row, state);
    case STATE_LOOK: return (row->answered >> state->other & 1) != state->is_negated;
    default: return true;
    }
}

/* Walks from the row's states in their order. What `class` leads to goes to m->list, *count of
 * them. True: it leads to a match before all that was left out. */
static bool walk(Maker *m, const Row *row, int class, int *count) {
    const State *state = m->states->state;
    *count = 0;
    const int met = ++m->turn, listed = ++m->turn;
    for (int i = 0; i < row->count; i++) {
        int depth = 0;
        m->stack[depth++] = row->state[i];
        while (depth) {
            const int at = m->stack[--depth];
            const State *const here = &state[at];
            m->steps++;
            if (m->mark[2 * at] == met) continue;
            m->mark[2 * at] = met;
            if (here->kind == STATE_MATCH) return true;
            if (here->kind == STATE_CHARACTER) {
                const bool leads = class < m->states->classes && in_set(m, here->set, class);
                if (!leads || m->mark[2 * here->next + 1] == listed) continue;
                m->mark[2 * here->next + 1] = listed;
                m->list[(*count)++] = here->next;
                continue;
            }
            if (!passes(m, row, here, class)) continue;
            if (here->kind == STATE_BRANCH) m->stack[depth++] = here->other;
            m->stack[depth++] = here->next;
        }
    }
    return false;
}

/* The first automaton whose answer the row may need; -1: none. */
static int question(Maker *m, const Row *row) {
    const State *state = m->states->state;
    const int met = ++m->turn;
    int depth = 0;
    for (int i = row->count - 1; i >= 0; i--) m->stack[depth++] = row->state[i];
    while (depth) {
        const int at = m->stack[--depth];
        const State *const here = &state[at];
        m->steps++;
        if (m->mark[2 * at] == met) continue;
        m->mark[2 * at] = met;
        if (here->kind == STATE_CHARACTER || here->kind == STATE_MATCH) continue;
        if (here->kind == STATE_LOOK && !(row->asked >> here->other & 1)) return here->other;
        if (!passes(m, row, here, -1)) continue;
        if (here->kind == STATE_BRANCH) m->stack[depth++] = here->other;
        m->stack[depth++] = here->next;
    }
    return -1;
}

/* ---- entries ---- */

static void ask(Maker *m, int number, int asked) {
    const uint32_t ask = (uint32_t)m->asks++;
    Row next = m->row[number];
    next.asked |= 1U << asked;
    m->ask[ask] = (TextAsk){.asker = (uint32_t)next.automaton, .asked = (uint32_t)asked};
    m->ask[ask].row[0] = find_row(m, &next);
    next.answered |= 1U << asked;
    m->ask[ask].row[1] = find_row(m, &next);
    for (int class = 0; class <= m->states->classes; class ++)
        m->entry[number][class] = ask << TEXT_ENTRY_SHIFT | TEXT_ENTRY_ASK;
}

static void fill_row(Maker *m, int number) {
    m->entry[number] = ARENA_ARRAY(m->arena, uint32_t, (size_t)m->states->classes + 1);
    const int asked = question(m, &m->row[number]);
    if (asked >= 0) {
        ask(m, number, asked);
        return;
    }
    for (int class = 0; class <= m->states->classes; class ++) {
        int count;
        uint32_t entry = walk(m, &m->row[number], class, &count) ? TEXT_ENTRY_MATCH : 0;
        if (m->row[number].automaton && entry) count = 0; /* any match answers what was asked */
        if (count) {
            const Row next = {.automaton = m->row[number].automaton,
                              .behind = behind_of(m, class),
                              .count = count,
                              .state = m->list};
            entry |= find_row(m, &next) << TEXT_ENTRY_SHIFT;
        } else {
            entry |= TEXT_ENTRY_STOP;
        }
        m->entry[number][class] = entry;
    }
}

/* Rows that automaton `number` begins in, by the class before; they stand behind all others that
 * are known. */
static void start_rows(Maker *m, int number, uint32_t *start) {
    int state = m->states->start[number];
    for (int class = 0; class <= m->states->classes; class ++) {
        Row row = {.automaton = number, .behind = behind_of(m, class), .count = 1, .state = &state};
        if (m->states->behind_count && class == m->states->classes) row.behind = 1U << 31;
        start[class] = find_row(m, &row);
    }
}

/* ---- the section ---- */

/* Blocks of 128 characters that are alike are one. Returns how many are left, in `block` which. */
static uint32_t share_blocks(const States *states, uint16_t *block, uint8_t *class_of) {
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < TEXT_PATTERN_BLOCKS; i++) {
        const uint8_t *const here = states->class_of + (size_t)i * 128;
        uint32_t same = 0;
        while (same < blocks && memcmp(class_of + (size_t)same * 128, here, 128)) same++;
        if (same == blocks) memcpy(class_of + (size_t)blocks++ * 128, here, 128);
        block[i] = (uint16_t)same;
    }
    return blocks;
}

static void write_section(Maker *m, const uint32_t *start, TextBuffer *out) {
    const uint32_t columns = (uint32_t)m->states->classes + 1;
    uint16_t *block = ARENA_ARRAY(m->arena, uint16_t, TEXT_PATTERN_BLOCKS);
    uint8_t *class_of = ARENA_ARRAY(m->arena, uint8_t, CHARACTERS);
    const uint32_t automata = (uint32_t)m->states->automata;
    const TextPattern head = {.classes = columns - 1,
                              .blocks = share_blocks(m->states, block, class_of),
                              .rows = (uint32_t)m->rows,
                              .asks = (uint32_t)m->asks,
                              .automata = automata,
                              .looks_behind = m->states->behind_count > 0};
    tw_text_buffer_add(out, &head, sizeof head);
    for (int i = 0; i < m->asks; i++) {
        TextAsk ask = m->ask[i];
        ask.row[0] *= columns;
        ask.row[1] *= columns;
        tw_text_buffer_add(out, &ask, sizeof ask);
    }
    for (uint32_t i = 0; i < automata * columns; i++) {
        const uint32_t place = start[i] * columns;
        tw_text_buffer_add(out, &place, sizeof place);
    }
    for (int row = 0; row < m->rows; row++)
        for (uint32_t class = 0; class < columns; class ++) {
            uint32_t entry = m->entry[row][class];
            const uint32_t flags = entry & ((1U << TEXT_ENTRY_SHIFT) - 1);
            if (!(entry & TEXT_ENTRY_ASK)) entry = (entry - flags) * columns + flags;
            tw_text_buffer_add(out, &entry, sizeof entry);
        }
    tw_text_buffer_add(out, block, TEXT_PATTERN_BLOCKS * sizeof *block);
    tw_text_buffer_add(out, class_of, (size_t)head.blocks * 128);
}

static Maker *make(const States *states, uint32_t *start, Arena *arena) {
    Maker *m = ARENA_NEW(arena, Maker);
    m->states = states;
    m->arena = arena;
    m->mark = ARENA_ARRAY(arena, int, 2 * (size_t)states->count);
    m->stack = ARENA_ARRAY(arena, int, 3 * (size_t)states->count + 2);
    m->list = ARENA_ARRAY(arena, int, (size_t)states->count);
    for (int i = 0; i < states->automata; i++)
        start_rows(m, i, start + (size_t)i * ((size_t)states->classes + 1));
    for (int i = 0; i < m->rows && !m->is_too_large; i++) {
        fill_row(m, i);
        if (m->steps > PATTERN_STEPS) m->is_too_large = true;
    }
    return m;
}

bool pattern_compile(TextString expression, const char *where, Loc loc, TextBuffer *out,
                     Diag *diag) {
    Arena *arena = arena_create();
    bool is_done = false;
    const Tree *tree = pattern_parse(expression, where, loc, arena, diag);
    const States *states = tree ? pattern_states(tree, where, loc, arena, diag) : NULL;
    if (states) {
        uint32_t *start =
            ARENA_ARRAY(arena, uint32_t, (size_t)states->automata * ((size_t)states->classes + 1));
        Maker *made = make(states, start, arena);
        is_done = !made->is_too_large;
        if (is_done) {
            write_section(made, start, out);
        } else {
            diag_error(diag, loc, "%s: the expression's automaton is too large", where);
            diag_hint(diag, "smaller numbers of repetitions make it smaller");
        }
    }
    arena_destroy(arena);
    return is_done;
}

TextString pattern_literal(TextString text, Arena *arena) {
    char *bytes = ARENA_ARRAY(arena, char, 2 * text.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < text.count; i++) {
        if (text.bytes[i] && strchr("\\^$.|?*+()[]{}", text.bytes[i])) bytes[count++] = '\\';
        bytes[count++] = text.bytes[i];
    }
    return (TextString){bytes, count};
}
