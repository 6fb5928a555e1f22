// pgjdbc: the extended protocol always; BEGIN as a statement of its own in the same batch; a named statement and binary
// values from the fifth execution on; a portal with a limit of rows once a fetch size is set.
//
// Where to connect: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.

class Jdbc {

    public static void main(String[] none) {
        Metadata.run();
        Values.run();
        Statements.run();
        CopyAndErrors.run();
        Governance.run();
        Steps.end();
    }
}
