# Sources of launch/config and of launch/base, relative to launch/. They link PkgConfig::yaml PkgConfig::crypto.
set(HOOP_LAUNCH_CONFIG_SOURCES
    config/tree.c config/choice.c config/yaml.c config/emit.c config/config.c config/schema.c config/resolve.c config/compare.c config/help.c
    base/clock.c base/text.c base/hash.c base/host.c)
