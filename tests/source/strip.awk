# Print C files as path:line:text with comments blanked; with strings=1 also the contents of string and character literals.
# A backslash-newline inside a literal or // comment is followed.
FNR == 1 { state = "" }
{
    line = $0
    out = ""
    while (line != "") {
        if (state == "comment") {
            end = index(line, "*/")
            if (end == 0) { line = ""; break }
            line = substr(line, end + 2)
            out = out " "
            state = ""
        } else if (state == "line") {
            line = ""
        } else if (state == "\"" || state == "'") {
            if ((state == "\"" ? match(line, /["\\]/) : match(line, /['\\]/)) == 0) {
                if (!strings) out = out line
                line = ""
                state = ""
            } else if (substr(line, RSTART, 1) == "\\") {
                if (!strings) out = out substr(line, 1, RSTART + 1)
                line = substr(line, RSTART + 2)
            } else {
                out = out (strings ? "" : substr(line, 1, RSTART - 1)) state
                line = substr(line, RSTART + 1)
                state = ""
            }
        } else if (match(line, /\/\*|\/\/|["']/) == 0) {
            out = out line
            line = ""
        } else {
            found = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1)
            line = substr(line, RSTART + RLENGTH)
            if (found == "/*") state = "comment"
            else if (found == "//") state = "line"
            else { state = found; out = out found }
        }
    }
    if (state == "line" && $0 !~ /\\$/) state = ""
    if ((state == "\"" || state == "'") && $0 !~ /\\$/) state = ""
    print FILENAME ":" FNR ":" out
}
