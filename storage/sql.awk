# SPDX-License-Identifier: Apache-2.0
# Turns storage/*.sql into one C header: an enum of statement names and a table {name, text}.
# A statement stands under "-- name: outbox_claim" and ends with its semicolon. "-- name: outbox_claim one plan": its plan is
# made once a connection, not for each execution; for what can be done in one good way only, whatever the tables hold.
function finish() {
	if (name == "")
		return
	sub(/;[ \t\n]*$/, "", text)
	if (text ~ /^[ \t\n]*$/) {
		print FILENAME ": statement " name " is empty" > "/dev/stderr"
		failed = 1
	}
	names[++n] = name
	one_plan[n] = is_one_plan
	texts[n] = text
	name = ""
	text = ""
}
/^-- name: / {
	finish()
	name = $3
	is_one_plan = $4 == "one" && $5 == "plan"
	if (name in seen) {
		print FILENAME ": statement " name " is defined twice" > "/dev/stderr"
		failed = 1
	}
	seen[name] = 1
	next
}
/^[ \t]*--/ || /^[ \t]*$/ { next }
{
	if (name == "") {
		print FILENAME ":" FNR ": text outside a statement" > "/dev/stderr"
		failed = 1
	}
	sub(/[ \t]+-- .*$/, "")
	text = text $0 "\n"
}
END {
	finish()
	if (failed)
		exit 1
	print "/* made by storage/sql.awk */"
	print "enum sql_id {"
	for (i = 1; i <= n; i++)
		print "\tSQL_" toupper(names[i]) ","
	print "\tSQL_COUNT\n};"
	print "#ifdef SQL_TEXTS\nstatic const struct { const char *name, *text; bool one_plan; } sql_texts[] = {"
	for (i = 1; i <= n; i++) {
		t = texts[i]
		gsub(/\\/, "\\\\", t)
		gsub(/"/, "\\\"", t)
		gsub(/\n/, "\\n\"\n\t\"", t)
		print "\t{\"" names[i] "\", \"" t "\", " (one_plan[i] ? "true" : "false") "},"
	}
	print "};\n#endif"
}
