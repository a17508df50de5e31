#!/usr/bin/env python3
"""A peer of bench/run: PFX files by Python's cryptography library, two processes, rows in one transaction.

    peer.py FOLDER AGENTS DATABASE     AGENTS holds kra1.pem and kra2.pem
"""
import multiprocessing
import pathlib
import sqlite3
import sys

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

folder, agents, database = map(pathlib.Path, sys.argv[1:4])
certificates = [x509.load_pem_x509_certificate((agents / f"kra{i}.pem").read_bytes()) for i in (1, 2)]


def seal(path):
    key, _, _ = pkcs12.load_key_and_certificates(path.read_bytes(), b"bench")
    blob = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(blob)
    for certificate in certificates:
        builder = builder.add_recipient(certificate)
    return builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def main():
    rows = sqlite3.connect(database)
    rows.executescript("DROP TABLE IF EXISTS row; CREATE TABLE row(sealed BLOB)")
    with multiprocessing.Pool(2) as pool:
        rows.executemany("INSERT INTO row VALUES(?)", ((x,) for x in pool.imap(seal, folder.glob("*.pfx"), 16)))
    rows.commit()


if __name__ == "__main__":
    main()
