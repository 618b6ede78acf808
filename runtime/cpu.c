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

#elif defined(__aarch64__)
#include <sys/auxv.h>

enum { HWCAP = AT_HWCAP, HWCAP2 = AT_HWCAP2 };

static uint64_t find_features(void) {
    uint64_t found = 0, row = 1;
#define ARM(name, word, bit)                                                                       \
    found |= getauxval(word) >> (bit)&1 ? row : 0;                                                 \
    row <<= 1;
#include "runtime/cpu_features.def"
    return found;
}

#elif defined(__riscv)
#include <sys/auxv.h>
#include <unistd.h>

enum { HWCAP, VECTOR_BYTES, EXTENSION };

static bool has_vectors(void) {
    return getauxval(AT_HWCAP) >> ('v' - 'a') & 1;
}

/* The register's number stands for its name, which assemblers know only where there are vectors. */
static uint64_t vector_bytes(void) {
    uint64_t bytes;
    __asm__("csrr %0, 0xc22" : "=r"(bytes)); /* vlenb */
    return bytes;
}

/* Since Linux 6.4; earlier ones know no such extensions, and so there are none. */
static uint64_t extensions(void) {
    enum { RISCV_HWPROBE = 258, KEY_IMA_EXT_0 = 4 };
    struct {
        int64_t key;
        uint64_t value;
    } pair = {KEY_IMA_EXT_0, 0};
    if (syscall(RISCV_HWPROBE, &pair, 1L, 0L, NULL, 0L) != 0) return 0;
    return pair.key == KEY_IMA_EXT_0 ? pair.value : 0;
}

static bool has_feature(int where, unsigned value) {
    switch (where) {
    case HWCAP: return getauxval(AT_HWCAP) >> value & 1;
    case VECTOR_BYTES: return has_vectors() && vector_bytes() >= value;
    default: return extensions() >> value & 1;
    }
}

static uint64_t find_features(void) {
    uint64_t found = 0, row = 1;
#define RISCV(name, where, value)                                                                  \
    found |= has_feature(where, value) ? row : 0;                                                  \
    row <<= 1;
#include "runtime/cpu_features.def"
    return found;
}

#else

static uint64_t find_features(void) {
    return 0;
}

#endif

bool tw_cpu_has(uint64_t needs) {
    return (needs & ~find_features()) == 0;
}
