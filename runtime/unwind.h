/* unwind.h - stands before every source file of the library (CMakeLists.txt): what debuggers and
 * profilers need to walk the stack goes where no program loads it. In programs it would be a sixth
 * of the library. So no exception passes through its functions.
 */
#ifndef RUNTIME_UNWIND_H
#define RUNTIME_UNWIND_H

__asm__(".cfi_sections .debug_frame");

#endif
