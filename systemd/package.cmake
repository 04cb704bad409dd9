# What `cmake --install` and `cpack` put where. The package, from a release build:
#
#     cmake --preset release && cmake --build --preset release && (cd build/release && cpack)
#
# makes build/release/hookswitch_VERSION_ARCH.deb; `cmake --build --preset release --target deb` does so
# without building the tests. systemd/debian has what only the package needs.

# The manual pages and completions are written by a program of ours, out of the command line's own
# descriptions and the commented configuration.
add_executable(hookswitch_manual
    daemon/man/command_page.cpp
    daemon/man/command_tree.cpp
    daemon/man/completions.cpp
    daemon/man/main.cpp
    daemon/man/setting_page.cpp)
target_link_libraries(hookswitch_manual PRIVATE hookswitch_daemon CLI11::CLI11)

set(MANUAL ${PROJECT_BINARY_DIR}/manual)
file(MAKE_DIRECTORY ${MANUAL})
add_custom_command(
    OUTPUT ${MANUAL}/hookswitch.1.gz ${MANUAL}/hookswitch.toml.5.gz
    BYPRODUCTS ${MANUAL}/hookswitch.bash ${MANUAL}/_hookswitch ${MANUAL}/hookswitch.fish
    COMMAND hookswitch_manual ${PROJECT_SOURCE_DIR} ${MANUAL}
    COMMAND gzip -9nkf hookswitch.1 hookswitch.toml.5
    DEPENDS hookswitch_manual daemon/man/hookswitch.1.in daemon/man/hookswitch.toml.5.in config/hookswitch.toml
    WORKING_DIRECTORY ${MANUAL} VERBATIM)
add_custom_target(manual ALL DEPENDS ${MANUAL}/hookswitch.1.gz)

# hookswitch_compressed(FROM TO): as documentation has to be on Debian.
set(COMPRESSED "")
function(hookswitch_compressed from to)
    add_custom_command(OUTPUT ${MANUAL}/${to}.gz
        COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/${from} > ${MANUAL}/${to}.gz
        DEPENDS ${PROJECT_SOURCE_DIR}/${from} VERBATIM)
    list(APPEND COMPRESSED ${MANUAL}/${to}.gz)
    set(COMPRESSED ${COMPRESSED} PARENT_SCOPE)
endfunction()
hookswitch_compressed(README.md README.md)
hookswitch_compressed(handlers/README.md handlers.md)
hookswitch_compressed(CHANGELOG.md changelog)
hookswitch_compressed(systemd/debian/changelog changelog.Debian)
hookswitch_compressed(daemon/SECURITY.md SECURITY.md)
add_custom_target(compressed_documents ALL DEPENDS ${COMPRESSED})

set(SHARE ${CMAKE_INSTALL_DATADIR}/hookswitch)
set(DOC ${CMAKE_INSTALL_DATADIR}/doc/hookswitch)
install(TARGETS hookswitch RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES systemd/hookswitch.service systemd/hookswitch.socket DESTINATION lib/systemd/system)
install(FILES systemd/hookswitch.sysusers DESTINATION lib/sysusers.d RENAME hookswitch.conf)
install(DIRECTORY config/scenarios DESTINATION ${SHARE})
install(DIRECTORY config/grafana config/prometheus DESTINATION ${SHARE} OPTIONAL PATTERN *.test.yml EXCLUDE)
install(DIRECTORY handlers/python handlers/node handlers/exec handlers/http DESTINATION ${SHARE}/sdk OPTIONAL
    USE_SOURCE_PERMISSIONS PATTERN __pycache__ EXCLUDE)
install(DIRECTORY handlers/sdk/ DESTINATION ${SHARE}/sdk/plugin OPTIONAL
    USE_SOURCE_PERMISSIONS PATTERN hookswitch EXCLUDE)
install(DIRECTORY handlers/sdk/hookswitch DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} OPTIONAL)
install(FILES ${MANUAL}/hookswitch.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${MANUAL}/hookswitch.toml.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${MANUAL}/hookswitch.bash
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME hookswitch)
install(FILES ${MANUAL}/_hookswitch DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${MANUAL}/hookswitch.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${COMPRESSED} DESTINATION ${DOC})
install(FILES config/nginx.conf config/Caddyfile config/haproxy.cfg config/reception.toml
    config/blocked.txt config/holidays.txt config/vip.txt DESTINATION ${DOC}/examples)

# The version is the changelog's, as of any Debian package.
file(STRINGS systemd/debian/changelog CHANGELOG_HEAD LIMIT_COUNT 1)
string(REGEX MATCH "\\((.*)-(.*)\\)" _ "${CHANGELOG_HEAD}")
if(NOT CMAKE_MATCH_1 STREQUAL PROJECT_VERSION)
    message(FATAL_ERROR "systemd/debian/changelog is about ${CMAKE_MATCH_1}, not ${PROJECT_VERSION}")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_DEBIAN_PACKAGE_RELEASE ${CMAKE_MATCH_2})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Debian's own places, which an installation by hand must not touch.
set(CPACK_PROJECT_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/systemd/debian/stage.cmake)
set(CPACK_PACKAGE_CONTACT "Hookswitch authors <maintainers@hookswitch.example>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# procps: the unit's reload calls /bin/kill, which is in no essential package.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers, procps")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx | haproxy | caddy, python3, nodejs, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "webhook daemon for AI phone calls
Hookswitch receives the signed webhooks of a voice platform, hands them to
handlers in any language, and answers the platform while the caller waits,
whatever the handlers do. What need not be answered at once is on disk
before it is acknowledged, and is delivered until its handler has it.
.
The package has the daemon with its systemd units, the commands that look
into its journal and steer running calls, a local platform to try handlers
against, kits for handlers in Python, JavaScript and C, and configurations
for nginx, Caddy, HAProxy, Prometheus and Grafana.")
foreach(SCRIPT postinst prerm postrm conffiles)
    list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/systemd/debian/${SCRIPT})
endforeach()
include(CPack)

add_custom_target(deb COMMAND ${CMAKE_CPACK_COMMAND} WORKING_DIRECTORY ${PROJECT_BINARY_DIR} USES_TERMINAL)
add_dependencies(deb hookswitch manual compressed_documents)
