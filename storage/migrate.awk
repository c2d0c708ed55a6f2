# SPDX-License-Identifier: Apache-2.0
# Turns migrations/NNNN_name.sql into one C header: the table {number, name, text}, by number.
# The text is the file, byte for byte (a file ends with a line feed), so that its SHA-256 is the file's.
function complain(why) {
	print FILENAME ": " why > "/dev/stderr"
	failed = 1
	exit 1
}
FNR == 1 {
	base = FILENAME
	sub(/.*\//, "", base)
	if (base !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/)
		complain("a migration is called NNNN_name.sql")
	if (substr(base, 1, 4) + 0 != ++n)
		complain("migrations are numbered from 0001 without a gap, and this should be " n)
	if (n == 1)
		print "/* made by storage/migrate.awk */\nstatic const struct migration migrations[] = {"
	else
		print "\t},"
	print "\t{" n ", \"" substr(base, 6, length(base) - 9) "\","
}
{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	print "\t\"" $0 "\\n\""
}
END {
	if (failed)
		exit 1
	if (n == 0)
		complain("there is no migration")
	print "\t},\n};"
}
