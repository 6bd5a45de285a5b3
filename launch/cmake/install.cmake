# Installation: headers under include/hoop, libhoop.so and libhoop.a, the command, hoop.pc, the CMake package, recipes and
# licence. Included by the top CMakeLists.txt after the targets hoop_shared, hoop_static and hoop_command are defined.
include(CMakePackageConfigHelpers)

install(TARGETS hoop_shared hoop_static hoop_command
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(layer core dist io launch)
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/${layer}/include/hoop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY ${CMAKE_BINARY_DIR}/include/hoop DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/launch/recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/hoop FILES_MATCHING PATTERN "*.yaml")
install(FILES ${CMAKE_SOURCE_DIR}/launch/command/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
    RENAME hoop)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/io/FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

# What a program linked with libhoop.a needs besides. Named outright rather than as Requires.private, so that a program
# linked with libhoop.so can be built where the development packages of HDF5 and the others are absent.
set(HOOP_PRIVATE_FLAGS)
foreach(package hdf5 yaml jansson crypto zlib liblzf spng turbojpeg)
    list(APPEND HOOP_PRIVATE_FLAGS ${${package}_LDFLAGS})
endforeach()
list(APPEND HOOP_PRIVATE_FLAGS ${HOOP_OPENBLAS} -lpthread -lm)
list(REMOVE_DUPLICATES HOOP_PRIVATE_FLAGS)
list(JOIN HOOP_PRIVATE_FLAGS " " HOOP_PRIVATE_LIBS)
set(HOOP_PKGCONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH HOOP_PC_TO_PREFIX /${HOOP_PKGCONFIG_DIR} /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/hoop.pc.in ${CMAKE_BINARY_DIR}/hoop.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/hoop.pc DESTINATION ${HOOP_PKGCONFIG_DIR})

set(HOOP_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/hoop)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/hoopConfig.cmake.in ${CMAKE_BINARY_DIR}/hoopConfig.cmake
    INSTALL_DESTINATION ${HOOP_CMAKE_DIR} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/hoopConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/hoopConfig.cmake ${CMAKE_BINARY_DIR}/hoopConfigVersion.cmake DESTINATION ${HOOP_CMAKE_DIR})
