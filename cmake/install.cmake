# What `cmake --install` puts where; man pages and completion are written by the program itself.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tessera)

install(TARGETS tessera_all EXPORT tesseraTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY src/tessera DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*_private.h" EXCLUDE)
install(EXPORT tesseraTargets NAMESPACE tessera:: DESTINATION ${package_dir})
configure_package_config_file(cmake/tesseraConfig.cmake.in tesseraConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(tesseraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tesseraConfig.cmake ${PROJECT_BINARY_DIR}/tesseraConfigVersion.cmake cmake/dependencies.cmake
  DESTINATION ${package_dir})

install(DIRECTORY profiles/ DESTINATION ${CMAKE_INSTALL_DATADIR}/tessera/profiles FILES_MATCHING PATTERN "*.toml")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET tessera)
  install(TARGETS tessera RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# An instrumented program is no program to install, and it writes its pages slowly.
if(TARGET tessera AND NOT (TESSERA_SANITIZE OR TESSERA_SANITIZE_THREAD OR TESSERA_COVERAGE OR TESSERA_FUZZ))
  set(documents ${PROJECT_BINARY_DIR}/documents)
  add_custom_command(OUTPUT ${documents}/stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${documents}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${documents}/man ${documents}/completion
    COMMAND tessera man --all ${documents}/man
    COMMAND tessera completion bash > ${documents}/completion/tessera
    COMMAND tessera completion zsh > ${documents}/completion/_tessera
    COMMAND tessera completion fish > ${documents}/completion/tessera.fish
    COMMAND ${CMAKE_COMMAND} -E touch ${documents}/stamp
    DEPENDS tessera COMMENT "Man pages and completion" VERBATIM)
  add_custom_target(documents ALL DEPENDS ${documents}/stamp)
  install(DIRECTORY ${documents}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
  install(FILES ${documents}/completion/tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${documents}/completion/_tessera DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${documents}/completion/tessera.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
