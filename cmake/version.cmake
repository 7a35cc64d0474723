# Run by every build: writes version.cpp when version, commit or compiler changed, and leaves it alone otherwise, so
# that nothing is compiled or linked again for it.
#   cmake -DSOURCE=… -DOUTPUT=… -DVERSION=… -DCOMPILER=… -P version.cmake
set(REVISION "")
find_program(GIT git)
if(GIT)
  # A release unpacked inside some other checkout must not take that one's commit.
  execute_process(COMMAND ${GIT} --no-optional-locks -C ${SOURCE} rev-parse --show-toplevel
    OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  file(REAL_PATH "${SOURCE}" source)
  if(top STREQUAL source)
    execute_process(COMMAND ${GIT} --no-optional-locks -C ${SOURCE} describe --always --exclude=* --abbrev=10 --dirty
      OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.cpp.in ${OUTPUT} @ONLY)
