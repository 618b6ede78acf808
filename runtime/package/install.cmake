# What is installed, in three components: the program; the runtime library, for programs that have models
# in them; the compiler as libraries.

set(compiler_libraries frontend tune codegen passes ir)
add_custom_target(product DEPENDS thalweg manual_pages runtime standalone ${compiler_libraries})
install(TARGETS thalweg COMPONENT program)
install(TARGETS runtime EXPORT thalweg-targets COMPONENT runtime)
install(TARGETS standalone COMPONENT runtime)
install(TARGETS ${compiler_libraries} COMPONENT compiler)
install(FILES runtime/runtime.h runtime/abi.h runtime/status.def COMPONENT runtime
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/thalweg/runtime)
install(FILES runtime/text/text.h runtime/text/chat.h COMPONENT runtime
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/thalweg/runtime/text)
install(FILES frontend/compiler/thalweg.h COMPONENT compiler
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/thalweg/frontend)
install(DIRECTORY examples/shakespeare examples/gpt2-mini examples/shapes COMPONENT program
        DESTINATION ${CMAKE_INSTALL_DATADIR}/thalweg/examples)
install(DIRECTORY examples/embed examples/cmake COMPONENT runtime
        DESTINATION ${CMAKE_INSTALL_DATADIR}/thalweg/examples)

# ---- the manual ----

set(manual "${PROJECT_BINARY_DIR}/frontend/manual")
install(FILES "${manual}/thalweg.1" DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES "${manual}/thalweg.bash" RENAME thalweg COMPONENT program
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES "${manual}/_thalweg" COMPONENT program
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES "${manual}/thalweg.fish" COMPONENT program
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# ---- what other projects find the runtime library by ----

include(CMakePackageConfigHelpers)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/thalweg")
# Not in the folder of the program: where PATH has that, find_package() would find these of the build.
set(package_files "${PROJECT_BINARY_DIR}/package")
configure_package_config_file(runtime/package/thalweg-config.cmake.in "${package_files}/thalweg-config.cmake"
                              INSTALL_DESTINATION ${package} PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file("${package_files}/thalweg-config-version.cmake"
                                 COMPATIBILITY SameMajorVersion)
install(EXPORT thalweg-targets NAMESPACE thalweg:: DESTINATION ${package} COMPONENT runtime)
install(FILES "${package_files}/thalweg-config.cmake" "${package_files}/thalweg-config-version.cmake"
        DESTINATION ${package} COMPONENT runtime)

# Where it is installed may be moved: pkg-config's files say where they are from themselves.
file(RELATIVE_PATH UP_FROM_PKGCONFIG "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" UP_FROM_PKGCONFIG "${UP_FROM_PKGCONFIG}")
function(pkg_config_file PC_SUFFIX PC_DESCRIPTION PC_CFLAGS PC_LIBS)
  set(file "${PROJECT_BINARY_DIR}/thalweg_rt${PC_SUFFIX}.pc")
  configure_file(runtime/package/thalweg_rt.pc.in "${file}" @ONLY)
  install(FILES "${file}" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)
endfunction()
pkg_config_file("" "" "" "")
pkg_config_file("-openmp" ", with threads of OpenMP" " -fopenmp" " -fopenmp")
