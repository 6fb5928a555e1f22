"""The servers that the programs beside this one compare: each made in a folder, started, asked, weighed and stopped."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

POSTGRES = Path("/usr/lib/postgresql/15/bin")
SETTINGS = ["shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=256MB", "max_wal_size=4GB",
            "effective_cache_size=8GB"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def size(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


class Psql:
    """A server asked by psql."""

    def __init__(self, user, database, port, password=""):
        self.port = port
        self.args = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", user, "-d",
                     database]
        self.env = dict(os.environ, PGPASSWORD=password, PGOPTIONS="")

    def run(self, script, *more):
        done = subprocess.run(self.args + list(more), input=script, env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def copy(self, table, path):
        start = time.monotonic()
        self.run(f"\\copy {table} FROM '{path}' WITH (FORMAT csv, HEADER)\n")
        return time.monotonic() - start

    def rate(self, script, clients, seconds, prepared=True):
        """Transactions a second of a pgbench script, by so many clients for so many seconds."""
        mode = "prepared" if prepared else "simple"
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script)
            file.flush()
            args = [POSTGRES / "pgbench", "-n", "-M", mode, "-f", file.name, "-c", str(clients), "-j", "2", "-T", str(seconds)]
            done = subprocess.run(args + self.args[self.args.index("-h"):], env=self.env, capture_output=True, text=True)
        told = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        if done.returncode != 0 or not told:
            raise RuntimeError(done.stderr.strip())
        return float(told[1])

    def ask(self, sql, rounds):
        """The answer and the seconds of each round."""
        rows = self.run(sql, "-A", "-t", "-F", "|").splitlines()
        told = self.run("\\timing on\n\\o /dev/null\n" + sql * rounds, "-A", "-t")
        seconds = [float(ms) / 1000 for ms in re.findall(r"^Time: ([\d.]+) ms", told, re.M)]
        return rows, seconds


class Steward(Psql):
    def __init__(self, program, folder, *options):
        self.folder = Path(folder) / "steward"
        password, port = Path(folder) / "password", free_port()
        password.touch(0o600)
        password.write_text("bench")
        make = [program, "init", "--data", self.folder, "--user", "bench", "--password-file", password, "--database", "bench"]
        subprocess.run(make, check=True, capture_output=True)
        self.start = lambda: subprocess.Popen(
            [program, "serve", "--data", self.folder, "--listen", f"127.0.0.1:{port}", *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = self.start()
        super().__init__("bench", "bench", port, "bench")
        self.wait()

    def wait(self):
        for _ in range(600):
            try:
                return self.run("SELECT 1;")
            except RuntimeError:
                time.sleep(0.1)
        raise RuntimeError("Steward does not answer")

    def restart(self, signal=SIGTERM):
        """Seconds from the start of the program to the first answer, after a stop by this signal."""
        self.process.send_signal(signal)
        self.process.wait()
        start = time.monotonic()
        self.process = self.start()
        self.wait()
        return time.monotonic() - start

    def bytes(self):
        return size(self.folder)

    def memory(self, what="VmRSS"):
        """Bytes of memory that the server has now, or (`VmHWM`) had at most since it started."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", told, re.M)[1]) * 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Postgres(Psql):
    def __init__(self, folder):
        self.folder, port = Path(folder) / "postgres", free_port()
        self.folder.mkdir()
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_user:
            os.chmod(folder, 0o755)
            shutil.chown(self.folder, "postgres")
        data = self.folder / "data"
        self.tool("initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-locale")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        options += "".join(f" -c {setting}" for setting in SETTINGS)
        self.control = lambda *verb: self.tool("pg_ctl", "-D", data, "-o", options, "-w", "-l", self.folder / "log", *verb)
        self.control("start")
        super().__init__("bench", "postgres", port)

    def tool(self, name, *args):
        subprocess.run(self.as_user + [POSTGRES / name, *args], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def restart(self, signal=SIGTERM):
        mode = {SIGTERM: "fast", SIGKILL: "immediate"}[signal]
        self.control("stop", "-m", mode)
        start = time.monotonic()
        self.control("start")
        self.run("SELECT 1;")
        return time.monotonic() - start

    def bytes(self):
        told = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200;"
        return int(self.run(told, "-A", "-t"))

    def stop(self):
        self.control("stop")


class Duck:
    def __init__(self, folder):
        import duckdb
        self.file = Path(folder) / "duck.db"
        self.connection = duckdb.connect()
        self.connection.execute("SET force_mbedtls_unsafe = 'true'")
        self.connection.execute(f"ATTACH '{self.file}' AS bench (ENCRYPTION_KEY 'bench')")
        self.connection.execute("USE bench")

    def run(self, script, *_):
        self.connection.execute(script)

    def copy(self, table, path):
        start = time.monotonic()
        self.connection.execute(f"COPY {table} FROM '{path}' (FORMAT csv, HEADER)")
        return time.monotonic() - start

    def ask(self, sql, rounds):
        rows = self.connection.execute(sql).fetchall()
        seconds = []
        for _ in range(rounds):
            start = time.monotonic()
            self.connection.execute(sql).fetchall()
            seconds.append(time.monotonic() - start)
        return ["|".join("" if value is None else str(value) for value in row) for row in rows], seconds

    def bytes(self):
        self.connection.execute("CHECKPOINT bench")
        return self.file.stat().st_size

    def stop(self):
        self.connection.close()
