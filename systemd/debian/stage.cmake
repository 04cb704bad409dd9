# Run by cpack between installing and packing: what belongs into the package only.
set(ROOT ${CPACK_TEMPORARY_INSTALL_DIRECTORY})

# file(INSTALL) would go below the DESTDIR of the installing once more.
function(stage from to)
    cmake_path(GET to PARENT_PATH directory)
    file(MAKE_DIRECTORY ${ROOT}/${directory})
    file(COPY_FILE ${CPACK_PROJECT_SOURCE}/${from} ${ROOT}/${to})
    file(CHMOD ${ROOT}/${to} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

# A conffile: `cmake --install` must never write over an operator's configuration.
stage(config/hookswitch.toml etc/hookswitch/hookswitch.toml)
stage(systemd/debian/copyright usr/share/doc/hookswitch/copyright)
stage(systemd/debian/lintian-overrides usr/share/lintian/overrides/hookswitch)
