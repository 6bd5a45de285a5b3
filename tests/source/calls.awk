# Walk the calls of C code given as path:line:text (strip.awk's output), nested parentheses, braces and all.
# mode=order: two calls that record on a tape and stand side by side in one expression, which C may evaluate in any order:
#   recorded nodes, and the keys of what is random, would depend on the compiler.
# mode=tags: MPI messages whose tag is a bare number.
function begin_file() {
    depth = 0; kind[0] = "{"; callee[0] = ""
    cur[0] = before[0] = any[0] = 0
    last = ""; ident = ""; closed = ""; skip = 0
}
function push(k, name) {
    depth++
    kind[depth] = k; callee[depth] = name
    cur[depth] = before[depth] = any[depth] = 0
    nargs[depth] = 1; arg[depth, 1] = ""
}
# Text of tokens inside a call is kept for all the calls around it.
function keep(token,    d) {
    for (d = depth; d > 0; d--) if (kind[d] == "(") arg[d, nargs[d]] = arg[d, nargs[d]] token
}
function is_call(name) {
    return name != "" && name !~ /^(if|for|while|switch|return|sizeof|do|else|case)$/
}
function records(d,    first) {
    if (callee[d] !~ /^hoop_/ || callee[d] ~ /^hoop_(tape|scope|leaf|tensor)_/ || callee[d] ~ /^hoop_(retain|backward|grad|needs|sink|pass)$/) return 0
    first = arg[d, 1]
    if (first ~ /hoop_tape\*/) return 0
    return first ~ /(^|[^A-Za-z0-9_])(t|tape)\)*$/ || first ~ /^[A-Za-z0-9_]*(tape|TAPE)[A-Za-z0-9_]*\(.*\)$/
}
function unit() { # a recording call, or something that holds one, has just ended inside frame `depth`
    if (mode == "order" && (cur[depth] || before[depth]))
        print path ":" line ": two recording calls in one expression (C may evaluate either first); name the first result"
    cur[depth] = any[depth] = 1
}
function bare(text) {
    gsub(/(^|[^A-Za-z0-9_])[0-9][0-9A-Za-z]*/, " ", text)
    return text !~ /[A-Za-z_]/
}
function check_tag(d, i) {
    if (nargs[d] >= i && bare(arg[d, i])) print path ":" line ": " callee[d] ": tag " arg[d, i] " is a bare number; tags stand in one enum"
}
function tags(d) {
    if (callee[d] ~ /^MPI_(I?[bsr]?send|I?[BSR]?send|Send|Isend|I?recv|Recv|[BSR]?[Ss]end_init|Recv_init)$/) check_tag(d, 5)
    else if (callee[d] ~ /^MPI_I?m?[Pp]robe$/) check_tag(d, 2)
    else if (callee[d] ~ /^MPI_I?[Ss]endrecv(_replace)?$/) {
        check_tag(d, 5)
        check_tag(d, callee[d] ~ /replace/ ? 7 : 10)
    }
}
function pop(    d, was) {
    if (depth == 0) return
    d = depth
    depth--
    if (kind[d] == "(" || kind[d] == "init") {
        was = any[d]
        if (kind[d] == "(" && is_call(callee[d])) {
            if (mode == "tags") tags(d)
            if (records(d)) was = 1
        }
        if (was && callee[d] !~ /^(if|for|while|switch)$/) unit()
        closed = callee[d]
    } else if (kind[d] == "{") {
        cur[depth] = before[depth] = 0
    }
}
function token(s) {
    if (s == "(") { keep(s); push("(", ident) }
    else if (s == ")") { pop(); keep(s) }
    else if (s == "{") {
        if (last == "=" || (last == ")" && closed == "") || ((last == "," || last == "{") && kind[depth] == "init")) { keep(s); push("init", "") }
        else push("{", "")
    }
    else if (s == "}") { pop(); keep(s) }
    else if (s == ",") {
        if ((kind[depth] == "(" && is_call(callee[depth])) || kind[depth] == "init") { if (cur[depth]) before[depth] = 1 }
        cur[depth] = 0
        if (kind[depth] == "(") {
            keepouter(s)
            nargs[depth]++
            arg[depth, nargs[depth]] = ""
        } else keep(s)
    }
    else if (s == ";") { cur[depth] = before[depth] = 0; keep(s) }
    else {
        if (s == "?" || s == ":" || s == "&&" || s == "||") cur[depth] = 0
        keep(s)
    }
    ident = (s ~ /^[A-Za-z_]/) ? s : ""
    last = s
}
function keepouter(s,    d) {
    for (d = depth - 1; d > 0; d--) if (kind[d] == "(") arg[d, nargs[d]] = arg[d, nargs[d]] s
}
{
    a = index($0, ":")
    rest = substr($0, a + 1)
    b = index(rest, ":")
    if (substr($0, 1, a - 1) != path) { path = substr($0, 1, a - 1); begin_file() }
    line = substr(rest, 1, b - 1)
    text = substr(rest, b + 1)
    if (skip || text ~ /^[ \t]*#/) { skip = (text ~ /\\$/); next }
    while (match(text, /[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9A-Za-z.]*|&&|\|\||->|[^ \t]/)) {
        s = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        token(s)
    }
}
