# cmake -DROOT=FOLDER -DOUTPUT=FILE.c -P source_id.cmake: writes a hash of all sources that decide
# which code becomes of a plan.
file(GLOB sources ${ROOT}/codegen/*/*.[ch] ${ROOT}/codegen/*/*.def ${ROOT}/ir/*.[ch] ${ROOT}/ir/*.def
     ${ROOT}/runtime/abi.h ${ROOT}/runtime/cpu_features.def)
set(hashes "")
foreach(source ${sources})
  file(SHA256 ${source} hash)
  string(APPEND hashes ${hash})
endforeach()
string(SHA256 id "${hashes}")
file(WRITE ${OUTPUT} "#include \"codegen/object/source_id.h\"\n\nconst char codegen_source_id[] = \"${id}\";\n")
