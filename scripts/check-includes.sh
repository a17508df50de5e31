#!/usr/bin/env bash
# Holds the rule of CONTRIBUTING.md: which folder may include which, and that nothing below cli/
# prints, exits, reads the environment or asks for a password.
#
#   scripts/check-includes.sh [FOLDER]    FOLDER: the source tree, by default this one
#
# Own headers are included as "folder/name.h" and in no other way, so that the rule can be read off
# the line. One line for each offence, file:line first; exit code 1 if there is any.
set -euo pipefail

cd "${1:-"$(dirname "$0")/.."}"

# the folders that each folder may include; a folder that is not told here may hold no C
declare -A may_include=(
    [core]='core'
    [crypto]='crypto core'
    [readers]='readers crypto core'
    [store]='store crypto core'
    [writers]='writers store crypto core'
    [cli]='cli writers readers store crypto core'
    [tests]='tests cli writers readers store crypto core'
    [bench]='bench writers readers store crypto core'
    [fuzz]='fuzz tests writers readers store crypto core'
)
below_cli='core crypto readers store writers'
not_below_cli='v?printf|puts|putchar|perror|exit|_exit|quick_exit|abort|getenv|secure_getenv|getpass|readpassphrase'
nowhere='strcpy|strcat|sprintf|vsprintf|gets|sscanf|atoi|atol|atoll|atof|alloca|strtok'

offences=0
offence() {
    printf '%s\n' "$*"
    offences=$((offences + 1))
}

check_include() { # file, line number, the line
    local file=$1 number=$2 line=$3 folder=${1%%/*} header target
    if [[ $line =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\"([^\"]*)\" ]]; then
        header=${BASH_REMATCH[1]}
    elif [[ $line =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\<([^\>]*)\> ]]; then
        header=${BASH_REMATCH[1]}
        [[ -v may_include[${header%%/*}] ]] &&
            offence "$file:$number: <$header>: own headers are included in quotes"
        return 0
    else
        offence "$file:$number: an include that does not name its file"
        return 0
    fi
    target=${header%%/*}
    if [[ $header != */* || $header == *..* || ! -v may_include[$target] ]]; then
        offence "$file:$number: \"$header\": own headers are included as \"folder/name.h\""
    elif [[ " ${may_include[$folder]} " != *" $target "* ]]; then
        offence "$file:$number: $folder/ may not include \"$header\" (only: ${may_include[$folder]})"
    fi
}

mapfile -t files < <(find . \( -path ./build -o -path ./samples -o -path '*/.*' \) -prune -o \
    -name '*.[ch]' -print | sed 's|^\./||' | LC_ALL=C sort)
if [ ${#files[@]} -eq 0 ]; then
    offence "no C files here"
    exit 1
fi

known=()
for file in "${files[@]}"; do
    if [[ $file == */* && -v may_include[${file%%/*}] ]]; then
        known+=("$file")
    else
        offence "$file: no rule says what this folder may include (scripts/check-includes.sh)"
    fi
done

while IFS=: read -r file number line; do
    check_include "$file" "$number" "$line"
done < <(grep -nHE '^[[:space:]]*#[[:space:]]*include' "${known[@]}" || true)

# Code alone: strings and comments may use these words.
for file in "${known[@]}"; do
    words=$nowhere
    [[ " $below_cli " == *" ${file%%/*} "* ]] && words="$words|$not_below_cli"
    while IFS= read -r found; do
        offence "$file:$found"
    done < <(awk -v words="$words" '
        {
            line = $0
            gsub(/\\["\\]/, "", line)
            gsub(/"[^"]*"/, "\"\"", line)
            if (in_comment) {
                if (!sub(/^.*\*\//, "", line)) next
                in_comment = 0
            }
            gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", line)
            sub(/\/\/.*/, "", line)
            if (sub(/\/\*.*/, "", line)) in_comment = 1
            if (match(line, "(^|[^A-Za-z0-9_])(" words ")[ \t]*\\(")) {
                word = substr(line, RSTART, RLENGTH)
                gsub(/[^A-Za-z0-9_]/, "", word)
                printf "%d: %s() is not used here (CONTRIBUTING.md)\n", NR, word
            }
        }' "$file")
done

[ "$offences" -eq 0 ]
