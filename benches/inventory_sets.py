#!/usr/bin/env python3
"""Domain and form of every set of a folder, as INVENTORY finds them, beside what the sets' README says.

    benches/inventory_sets.py --host 127.0.0.1 --port 5454 --user steward FOLDER [--found FILE] [--rows N]

Each folder below FOLDER becomes a source with a number for a name, so that nothing is told by how the folder is called, and is inventoried
(without the row quality model, which is not asked about here). PGPASSWORD holds the password. inventory_sets.tsv holds the truth, a line a
set: main asset, forms, domains. Prints a line for each set that is wrong, and the counts. With --found a file of earlier results
(`source.asset|form|domain` a line, sources numbered s01, s02, ... in the order of the folders) is judged instead.
"""
import argparse, os, pathlib, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent


def psql(args, sql, quiet=True):
    command = ["psql", "-h", args.host, "-p", str(args.port), "-U", args.user, "-XAt", "-F", "|", "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1] if done.stderr else "psql failed", file=sys.stderr)
    return done.stdout


def found(args, folders):
    if args.found:
        lines = pathlib.Path(args.found).read_text().splitlines()
    else:
        for number, folder in enumerate(folders, 1):
            name = f"s{number:02}"
            rows = f", sample_rows = {args.rows}" if args.rows else ""
            psql(args, f"CREATE SOURCE {name} TYPE files OPTIONS (path = '{folder}')")
            psql(args, f"INVENTORY SOURCE {name} WITH (quality = false{rows})")
        lines = psql(args, "SELECT name, form, domain FROM steward.assets WHERE name ~ '^s[0-9][0-9][.]'").splitlines()
    assets = {}
    for line in lines:
        name, form, domain = [part.strip() for part in line.split("|")[:3]]
        source, _, asset = name.partition(".")
        assets.setdefault(source, {})[asset] = (form, domain)
    return assets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=5454, type=int)
    parser.add_argument("--user", default="steward")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--found")
    args = parser.parse_args()
    folders = sorted(path for path in pathlib.Path(args.folder).iterdir() if path.is_dir())
    assets = found(args, folders)
    truth = [line.split("\t") for line in (HERE / "inventory_sets.tsv").read_text().splitlines() if line and line[0] != "#"]
    numbers = {folder.name: f"s{number:02}" for number, folder in enumerate(folders, 1)}
    right_form = right_domain = both = 0
    for name, main_asset, forms, domains in truth:
        of_set = assets.get(numbers.get(name, ""), {})
        # Where two files are called alike the later one has its ending behind the name.
        form, domain = of_set.get(main_asset, ("not found", "not found"))
        form_is, domain_is = form in forms.split(","), domain in domains.split(",")
        right_form += form_is
        right_domain += domain_is
        both += form_is and domain_is
        if not (form_is and domain_is):
            others = sorted({f"{f} {d}" for f, d in of_set.values()})
            print(f"wrong: {name}.{main_asset}: {form} {domain}, it is {forms} {domains}; all of the set: {', '.join(others)}")
    print(f"{len(truth)} sets: form {right_form} right, domain {right_domain} right, both {both} right")


if __name__ == "__main__":
    main()
