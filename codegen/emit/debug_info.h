/* debug_info.h - DWARF: which line of the model's description a function of its code comes from.
 *
 * A function gets a subprogram, and its instructions one place: that of the kernel's root. In an
 * entry the place changes with each kernel, so that a backtrace names the branch that called.
 */
#ifndef CODEGEN_DEBUG_INFO_H
#define CODEGEN_DEBUG_INFO_H

#include "ir/diag.h"

#include <llvm-c/Core.h>

typedef struct DebugInfo DebugInfo;

/* For a module whose places are in `source`. It is kept in the arena. */
DebugInfo *debug_info_begin(LLVMModuleRef module, const Source *source, Arena *arena);

/* Makes a function known under its name. One without a place is shared by several lines. */
void debug_info_function(DebugInfo *info, LLVMValueRef function, Loc loc);

/* The place as instructions of a function that is known carry it. */
LLVMMetadataRef debug_info_place(DebugInfo *info, LLVMValueRef function, Loc loc);

/* To be called when all functions are made; `info` is gone then. */
void debug_info_end(DebugInfo *info);

#endif
