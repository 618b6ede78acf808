/* cpu.c - see cpu.h. */
#include "runtime/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* What the system saves of registers when it switches between threads (XCR0). */
enum { SSE = 0, AVX = 0x6, AVX512 = 0xe6 };
enum { EAX, EBX, ECX, EDX };

static bool has_saved_state(uint64_t state) {
    unsigned eax, ebx, ecx, edx, low, high;
    const unsigned has_xgetbv = 1U << 27;
    if (!state) return true;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & has_xgetbv)) return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & state) == state;
}

static bool has_bit(unsigned leaf, unsigned subleaf, int where, int bit, uint64_t state) {
    unsigned word[4];
    if (!__get_cpuid_count(leaf, subleaf, &word[EAX], &word[EBX], &word[ECX], &word[EDX]))
        return false;
    return word[where] >> bit & 1 && has_saved_state(state);
}

static uint64_t find_features(void) {
    uint64_t found = 0, row = 1;
#define X86(name, leaf, subleaf, where, bit, state)                                                \
    found |= has_bit(leaf, subleaf, where, bit, state) ? row : 0;                                  \
    row <<= 1;
#include "runtime/cpu_features.def"
    return found;
}

#elif defined(__aarch64__) || defined(__riscv)
#include <sys/auxv.h>

static uint64_t find_features(void) {
    uint64_t found = 0, row = 1;
#ifdef __aarch64__
    enum { HWCAP = AT_HWCAP, HWCAP2 = AT_HWCAP2 };
#define ARM(name, word, bit)                                                                       \
    found |= getauxval(word) >> (bit)&1 ? row : 0;                                                 \
    row <<= 1;
#else
#define RISCV(name, bit)                                                                           \
    found |= getauxval(AT_HWCAP) >> (bit)&1 ? row : 0;                                             \
    row <<= 1;
#endif
#include "runtime/cpu_features.def"
    return found;
}

#else

static uint64_t find_features(void) {
    return 0;
}

#endif

bool cpu_has(uint64_t needs) {
    return (needs & ~find_features()) == 0;
}
