# Debian packages, written by `cpack` in the build folder: one for each component of what is installed.
#
#   cmake --preset debian && cmake --build --preset debian && (cd build/debian && cpack)
#
# The program depends on the libraries that it is built with, as dpkg-shlibdeps finds them. LLVM's is named
# after its version: that of the preset, 19, is in Debian 12 and 13 and in Ubuntu 24.04; a package that was
# built with another says so in its Depends. Debian 12 is where packages for all of these are built, since
# a C library is compatible with later ones alone.

set(THALWEG_MAINTAINER "Thalweg maintainers <maintainers@thalweg.invalid>" CACHE STRING
    "who answers for the Debian packages, with an address")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME thalweg)
set(CPACK_PACKAGE_CONTACT "${THALWEG_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL program runtime compiler)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")

# Linking a model needs the runtime library, a compiler and ar; compiling and running it do not.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME thalweg)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "libthalweg-dev (= ${version}), gcc | c-compiler, binutils")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
    "compiler for models built around a residual stream
Thalweg compiles transformers and their relatives into native code for the
CPU at hand. A description in YAML goes in; out comes code that runs at once,
or an object file with a C header that any program links with a small runtime
library.

This package has the program, its manual page, completions for shells, and
two trained example models.")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libthalweg-dev)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libc6-dev | libc-dev")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "thalweg (= ${version}), pkg-config, cmake")
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "runtime library of models that Thalweg compiled
A program that has a model in it is linked with this static library, which
needs the C library alone, and OpenMP where the program has it.

This package has the library, its headers, the files by which pkg-config and
CMake find it, and examples in C, C++, Python and CMake.")

set(CPACK_DEBIAN_COMPILER_PACKAGE_NAME libthalweg-compiler-dev)
set(CPACK_DEBIAN_COMPILER_PACKAGE_SECTION libdevel)
string(REGEX MATCH "^[0-9]+" llvm_major "${LLVM_VERSION}")
set(CPACK_DEBIAN_COMPILER_PACKAGE_DEPENDS
    "libthalweg-dev (= ${version}), llvm-${llvm_major}-dev, libyaml-dev, libjansson-dev, libutf8proc-dev, libxxhash-dev")
set(CPACK_DEBIAN_COMPILER_DESCRIPTION
    "Thalweg, the compiler of models, as a library
Thalweg compiles models built around a residual stream into native code.

This package has the compiler as static libraries with a header, for programs
that compile models themselves.")

set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/runtime/package/debian_files.cmake")
set(CPACK_THALWEG_FOLDER "${PROJECT_SOURCE_DIR}")
include(CPack)
