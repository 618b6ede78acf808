/* measure_chains.c - see measure_chains.h.
 *
 * This file is compiled for speed in every build, and with contraction, so that a product and a sum
 * become one instruction (CMakeLists.txt). The widest vectors are chosen when the program runs.
 *
 * There are more chains than units of any machine times the cycles that each takes, and few enough
 * for its registers.
 */
#include "frontend/measure/measure_chains.h"

#include <stdbool.h>

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>
enum { CHAINS = 12 };
#else
enum { CHAINS = 24 };
#endif
#if defined __aarch64__ && defined __linux__
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

enum { ROUNDS = 1 << 22 };

/* ---- f32 ---- */

/* The factor keeps sums near 1 for ever: neither infinite nor denormal numbers slow them down. */
#define RUN_F32(Vector)                                                                            \
    Vector sum[CHAINS];                                                                            \
    const Vector factor = (Vector){0} + 0.5F, term = (Vector){0} + start;                          \
    for (int i = 0; i < CHAINS; i++) sum[i] = term + (float)i;                                     \
    for (int round = 0; round < ROUNDS; round++)                                                   \
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * factor + term;                          \
    for (int i = 1; i < CHAINS; i++) sum[0] += sum[i];                                             \
    return (double)sum[0][0]

typedef float Vector128 __attribute__((vector_size(16)));

__attribute__((noinline)) static double f32_128(float start) {
    RUN_F32(Vector128);
}

#if defined __x86_64__
typedef float Vector256 __attribute__((vector_size(32)));
typedef float Vector512 __attribute__((vector_size(64)));

__attribute__((target("avx2,fma"), noinline)) static double f32_256(float start) {
    RUN_F32(Vector256);
}

__attribute__((target("avx512f"), noinline)) static double f32_512(float start) {
    RUN_F32(Vector512);
}
#endif

static Chains f32_chains(void) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f")) return (Chains){f32_512, ROUNDS, 16 * CHAINS};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (Chains){f32_256, ROUNDS, 8 * CHAINS};
#endif
    return (Chains){f32_128, ROUNDS, 4 * CHAINS};
}

/* ---- bf16 and int8: products of neighbours are added to a sum of 32 bits ---- */

#if defined __x86_64__
/* In bf16 the pair 1, 1 times the pair 1, -1: sums stay as they are. */
__attribute__((target("avx512f,avx512bf16"), noinline)) static double bf16_512(float start) {
    __m512 sum[CHAINS];
    const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    const __m512bh signs = (__m512bh)_mm512_set1_epi32((int)0xbf803f80);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_set1_ps(start + (float)i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_dpbf16_ps(sum[i], ones, signs);
    for (int i = 1; i < CHAINS; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return (double)_mm512_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f,avx512vnni"), noinline)) static double int8_512(float start) {
    __m512i sum[CHAINS];
    const __m512i bytes = _mm512_set1_epi8((char)start);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_set1_epi32(i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], bytes, bytes);
    for (int i = 1; i < CHAINS; i++) sum[0] = _mm512_xor_si512(sum[0], sum[i]);
    return (double)_mm_cvtsi128_si32(_mm512_castsi512_si128(sum[0]));
}

__attribute__((target("avx2,avxvnni"), noinline)) static double int8_256(float start) {
    __m256i sum[CHAINS];
    const __m256i bytes = _mm256_set1_epi8((char)start);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_dpbusd_avx_epi32(sum[i], bytes, bytes);
    for (int i = 1; i < CHAINS; i++) sum[0] = _mm256_xor_si256(sum[0], sum[i]);
    return (double)_mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}

/* Without an instruction for all of it: bytes to pairs of 16 bits, those to 32, and a sum. */
__attribute__((target("avx2"), noinline)) static double int8_pairs(float start) {
    __m256i sum[CHAINS];
    const __m256i bytes = _mm256_set1_epi8((char)start), ones = _mm256_set1_epi16(1);
    for (int i = 0; i < CHAINS; i++) sum[i] = _mm256_set1_epi32(i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) {
            const __m256i pairs = _mm256_maddubs_epi16(sum[i], bytes);
            sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs, ones));
        }
    for (int i = 1; i < CHAINS; i++) sum[0] = _mm256_xor_si256(sum[0], sum[i]);
    return (double)_mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}
#endif

#if defined __aarch64__ && defined __linux__
__attribute__((target("arch=armv8.2-a+dotprod"), noinline)) static double int8_128(float start) {
    int32x4_t sum[CHAINS];
    const int8x16_t bytes = vdupq_n_s8((int8_t)start);
    for (int i = 0; i < CHAINS; i++) sum[i] = vdupq_n_s32(i);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CHAINS; i++) sum[i] = vdotq_s32(sum[i], bytes, bytes);
    for (int i = 1; i < CHAINS; i++) sum[0] = veorq_s32(sum[0], sum[i]);
    return (double)vgetq_lane_s32(sum[0], 0);
}
#endif

static Chains bf16_chains(void) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512bf16")) return (Chains){bf16_512, ROUNDS, 32 * CHAINS};
#endif
    return f32_chains();
}

#if defined __x86_64__
/* Compilers before clang 17 have no name for it; where AVX2 is, its registers are kept. */
static bool has_avxvnni(void) {
    unsigned eax, ebx, ecx, edx;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
           eax >> 4 & 1;
}
#endif

static Chains int8_chains(void) {
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512vnni")) return (Chains){int8_512, ROUNDS, 64 * CHAINS};
    if (has_avxvnni()) return (Chains){int8_256, ROUNDS, 32 * CHAINS};
    if (__builtin_cpu_supports("avx2")) return (Chains){int8_pairs, ROUNDS, 32 * CHAINS};
#elif defined __aarch64__ && defined __linux__
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) return (Chains){int8_128, ROUNDS, 16 * CHAINS};
#endif
    return f32_chains();
}

Chains measure_chains(Arithmetic arithmetic) {
    switch (arithmetic) {
    case ARITHMETIC_bf16: return bf16_chains();
    case ARITHMETIC_int8: return int8_chains();
    case ARITHMETIC_f32:
    case ARITHMETIC_COUNT: break;
    }
    return f32_chains();
}
