# Fills ${NAME} from the environment. A line whose variable is set but empty is left out: nothing was wanted there.
{
    line = $0
    while (match(line, /\$\{[A-Z][A-Z0-9_]*\}/)) {
        name = substr(line, RSTART + 2, RLENGTH - 3)
        if (!(name in ENVIRON)) {
            print FILENAME ": " name " is not set" > "/dev/stderr"
            exit 1
        }
        if (ENVIRON[name] == "") next
        line = substr(line, 1, RSTART - 1) ENVIRON[name] substr(line, RSTART + RLENGTH)
    }
    print line
}
