"""Small answers a second with 16 connections: over the unix socket, answered in the HTTP thread and from the main loop; and over TLS (wrk).

usage: bench.py HTTP-PEER BENCH-CLIENT. Fails below 20,000 a second over the unix socket, answered at once."""
import re
import subprocess
import sys
import tempfile

LEAST = 20_000

peer, client = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-subj", "/CN=bench",
                    "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.crt"], check=True, stderr=subprocess.DEVNULL)
    server = subprocess.Popen([peer, folder, "30", f"unix:{folder}/s", "tls:127.0.0.1:0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = server.stdout.readline().split()[2]

    def unix(path):
        return float(subprocess.run([client, f"{folder}/s", path, "16", "5"], check=True, capture_output=True, text=True).stdout)

    at_once = unix("/small")
    print(f"unix socket, answered at once: {at_once:,.0f} a second")
    print(f"unix socket, answered by the main loop: {unix('/later?ms=0'):,.0f} a second")
    try:
        out = subprocess.run(["wrk", "-t1", "-c16", "-d5", f"https://{address}/small"], check=True, capture_output=True, text=True).stdout
        print(f"TLS, answered at once: {float(re.search(r'Requests/sec: *([0-9.]+)', out)[1]):,.0f} a second")
    except FileNotFoundError:
        print("TLS: not measured, wrk is not installed")
    server.communicate("")
sys.exit(0 if at_once >= LEAST else 1)
