# cmake -DROOT=FOLDER -DOUTPUT=FILE.c -P commit.cmake: writes which commit this is; of sources that
# are in no repository of their own, none.
set(commit "")
execute_process(COMMAND git -C ${ROOT} rev-parse --show-toplevel --short HEAD OUTPUT_VARIABLE lines
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
if(result EQUAL 0 AND lines MATCHES "^(.*)\n([0-9a-f]+)$")
  file(REAL_PATH "${CMAKE_MATCH_1}" folder)
  set(found ${CMAKE_MATCH_2})
  file(REAL_PATH "${ROOT}" root)
  if(folder STREQUAL root)
    set(commit ${found})
  endif()
endif()
file(WRITE ${OUTPUT} "#include \"frontend/command/commit.h\"\n\nconst char thalweg_commit[] = \"${commit}\";\n")
