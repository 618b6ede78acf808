# Run by cpack between installing and packing: what Debian wants of a package beside its files. Each gets
# its licence and its changes; the manual page is compressed; zsh finds completions where Debian has them.

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH is heeded

function(compress file)
  execute_process(COMMAND gzip -9nf "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(write_documents root package)
  set(folder "${root}/usr/share/doc/${package}")
  configure_file("${CPACK_THALWEG_FOLDER}/runtime/package/debian_copyright" "${folder}/copyright" COPYONLY)
  configure_file("${CPACK_THALWEG_FOLDER}/CHANGELOG.md" "${folder}/changelog" COPYONLY)
  file(WRITE "${folder}/changelog.Debian"
       "thalweg (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
       "  * Built by cpack; changelog.gz says what is new in this version.\n\n"
       " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  compress("${folder}/changelog")
  compress("${folder}/changelog.Debian")
  file(CHMOD "${folder}/copyright" "${folder}/changelog.gz" "${folder}/changelog.Debian.gz"
       PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  write_documents("${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}"
                  ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
endforeach()

set(share "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/program/usr/share")
compress("${share}/man/man1/thalweg.1")
file(RENAME "${share}/zsh/site-functions" "${share}/zsh/vendor-completions")
