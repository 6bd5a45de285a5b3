# bash completion for hoop. What can follow is read off hoop's own help, and so is always what this hoop knows.

# what the command line so far says of itself: hoop, hoop data, hoop train ...
_hoop_help()
{
    local words=() w
    for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $w in
            -*) break ;;
            *) words+=("$w") ;;
        esac
    done
    case ${words[0]-} in
        data | bench) words=("${words[@]:0:2}") ;;
        *) words=("${words[@]:0:1}") ;;
    esac
    hoop "${words[@]}" --help 2>/dev/null || hoop "${words[0]}" --help 2>/dev/null
}

# the keys of a config as --set has them: batch= optimizer.lr= ...
_hoop_keys()
{
    hoop train --help config 2>/dev/null | sed -n 's/^\( *\)\([a-z_0-9]*\):.*/\1\2/p' |
        awk '{ n = match($0, /[^ ]/); key = substr($0, n); at = (n - 1) / 2; path[at] = key; full = path[0]
               for (i = 1; i <= at; i++) full = full "." path[i]
               print full "=" }'
}

_hoop()
{
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    [ "$before" != '=' ] || before=${COMP_WORDS[COMP_CWORD - 2]}
    [ "$cur" != '=' ] || cur=
    COMPREPLY=()
    case $before in
        --set | -s) words=$(_hoop_keys) ;;
        --help) words="config layers $(hoop --help | sed -n 's/.*; so also \(.*\)\.$/\1/p' | tr -d ,)" ;;
        *)
            case $cur in
                -*) words=$(_hoop_help | grep -o -- '--[a-z][a-z-]*' | sort -u) ;;
                *) # commands, kinds, workloads; not the examples
                    words=$(_hoop_help | sed -n 's/^  \([a-z][a-z-]*\)  *[^ ].*/\1/p' | grep -vxE 'hoop|mpirun')
                    ;;
            esac
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    if [ ${#COMPREPLY[@]} -eq 0 ] && [ "$before" != --set ]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [ ${#COMPREPLY[@]} -eq 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then
        compopt -o nospace
    fi
}
complete -F _hoop hoop
