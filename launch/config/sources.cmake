# Sources of launch/config and launch/base, relative to launch/. They link PkgConfig::yaml PkgConfig::jansson PkgConfig::crypto.
set(HOOP_LAUNCH_CONFIG_SOURCES
    config/tree.c config/yaml.c config/emit.c config/config.c config/schema.c config/resolve.c config/help.c
    base/clock.c base/text.c base/files.c base/hash.c base/log.c base/metrics.c base/tensorboard.c
    base/terminal.c base/outlet.c base/pace.c base/progress.c base/host.c base/segments.c)
