# SPDX-License-Identifier: GPL-2.0
# bash completion for vtoectl; commands come from its own help

_vtoectl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words
	if [ "$COMP_CWORD" = 1 ]; then
		words=$(vtoectl --help 2>/dev/null |
			sed -n '/^Commands:/,/^$/s/^  \([a-z]*\).*/\1/p')
	elif [[ $cur = -* ]]; then
		words=$(vtoectl help "${COMP_WORDS[1]}" 2>/dev/null |
			sed -n 's/.*\(--[a-z]*\).*/\1/p')
	elif [ "${COMP_WORDS[1]}" = toe ]; then
		case $COMP_CWORD in
		2) words="add set remove" ;;
		3) words=$(vtoectl toes 2>/dev/null | sed 1d | cut -d' ' -f1) ;;
		*) words="netdev= driver= link= segment= weight= capacity="
		   words="$words max-devices= routes= pool="
		   compopt -o nospace ;;
		esac
	elif [ "${COMP_WORDS[1]}" = create ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	else
		words=$(vtoectl list 2>/dev/null | sed 1d | cut -d' ' -f1)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _vtoectl vtoectl
