/*
 * The schema in SQLite's words, and the text of the statements (docs/formats/archive.md).
 *
 * Columns have Microsoft's names ([MS-WCCE] 3.2.1.1.4) where it has one. Everything that grows with
 * the archive is only ever appended to, so that a batch costs the same in a large archive as in a
 * small one; for the search tokens, whose values are hashes, see search.h. Rows and their material
 * are apart, so that a list does not read keys and certificates.
 */
#include "store/sqlite_sql.h"

const char kf_sqlite_schema[] =
    "CREATE TABLE Settings (Name TEXT PRIMARY KEY, Value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE Certificates ("
    " CertificateID INTEGER PRIMARY KEY,"
    " SHA1 BLOB NOT NULL CHECK (length(SHA1) = 20),"
    " SHA256 BLOB NOT NULL UNIQUE CHECK (length(SHA256) = 32),"
    " RawCertificate BLOB NOT NULL) STRICT;"
    "CREATE TABLE Authorities ("
    " Position INTEGER PRIMARY KEY,"
    " IsOwn INTEGER NOT NULL," /* the CA's own; the others are its chain */
    " CertificateID INTEGER NOT NULL REFERENCES Certificates) STRICT;"
    "CREATE TABLE Agents ("
    " CertificateID INTEGER PRIMARY KEY REFERENCES Certificates,"
    " Added INTEGER NOT NULL,"
    " Position INTEGER UNIQUE) STRICT;" /* in KRACertHash, null for a former agent */
    "CREATE TABLE Chains ("
    " ChainID INTEGER PRIMARY KEY,"
    " SHA256 BLOB NOT NULL UNIQUE) STRICT;" /* of the certificates' SHA-256, in order */
    "CREATE TABLE ChainMembers ("
    " ChainID INTEGER NOT NULL REFERENCES Chains,"
    " Position INTEGER NOT NULL,"
    " CertificateID INTEGER NOT NULL REFERENCES Certificates,"
    " PRIMARY KEY (ChainID, Position)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE Runs ("
    " RunID INTEGER PRIMARY KEY,"
    " Command TEXT NOT NULL, Options TEXT NOT NULL, Inputs TEXT NOT NULL, Caller TEXT NOT NULL,"
    " Started INTEGER NOT NULL, Ended INTEGER,"
    " PositionInput INTEGER NOT NULL DEFAULT 0, PositionEntries INTEGER NOT NULL DEFAULT 0,"
    " PositionUsers INTEGER NOT NULL DEFAULT 0,"
    " Archived INTEGER NOT NULL DEFAULT 0, Known INTEGER NOT NULL DEFAULT 0,"
    " Refused INTEGER NOT NULL DEFAULT 0, Failed INTEGER NOT NULL DEFAULT 0,"
    " Skipped INTEGER NOT NULL DEFAULT 0, Users INTEGER NOT NULL DEFAULT 0,"
    " KraStart INTEGER NOT NULL,"
    " Outcomes BLOB CHECK (length(Outcomes) = 32)) STRICT;" /* hash of its entries, null for none */
    "CREATE TABLE Inputs ("
    " InputID INTEGER PRIMARY KEY,"
    " RunID INTEGER NOT NULL REFERENCES Runs,"
    " Position INTEGER NOT NULL," /* among the inputs of the run, from 0 */
    " Name TEXT NOT NULL,"
    " Size INTEGER, SHA256 BLOB CHECK (length(SHA256) = 32)," /* null: not known */
    " Certificates INTEGER," /* whose keys are not in it; null where nobody counted */
    " Remarks TEXT,"         /* one a line */
    " UNIQUE (RunID, Position)) STRICT;"
    "CREATE TABLE Entries ("
    " RunID INTEGER NOT NULL, Sequence INTEGER NOT NULL,"
    " InputID INTEGER NOT NULL REFERENCES Inputs,"
    " Ordinal INTEGER NOT NULL, Place TEXT NOT NULL,"
    " Outcome INTEGER NOT NULL, Replaced INTEGER NOT NULL,"
    " RequestID INTEGER,"                            /* the row, if it has one */
    " CertificateHash BLOB, CertificateSHA256 BLOB," /* if it has none */
    " KeyState INTEGER NOT NULL, IsForeign INTEGER NOT NULL,"
    " Line INTEGER, Code INTEGER, Rule TEXT, Message TEXT,"
    " Password TEXT, PasswordEncoding TEXT," /* which one opened the key: a label */
    " Mark INTEGER NOT NULL,"                /* the first 8 bytes of its hash */
    " PRIMARY KEY (RunID, Sequence)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE EntryFacts (" /* of an entry that has no row: why, and whose key it was */
    " RunID INTEGER NOT NULL, Sequence INTEGER NOT NULL,"
    " Cause INTEGER NOT NULL, Name TEXT, EMail TEXT,"
    " IssuerName TEXT, SerialNumber TEXT, NotAfter INTEGER,"
    " PublicKeyAlgorithm TEXT, PublicKeyLength INTEGER,"
    " SignatureAlgorithm TEXT, HasRoca INTEGER,"
    " PRIMARY KEY (RunID, Sequence)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE Requests ("
    " RequestID INTEGER PRIMARY KEY,"
    /* not IN (...), for which each insertion would build a table */
    " Disposition INTEGER NOT NULL"
    " CHECK (Disposition = 12 OR Disposition = 20 OR Disposition = 21),"
    " SubmittedWhen INTEGER NOT NULL, ResolvedWhen INTEGER,"
    " RequesterName TEXT, CallerName TEXT,"
    " DistinguishedName TEXT, CommonName TEXT, EMail TEXT, UPN TEXT,"
    " CertificateHash BLOB NOT NULL CHECK (length(CertificateHash) = 20),"
    " CertificateSHA256 BLOB NOT NULL CHECK (length(CertificateSHA256) = 32),"
    " SerialNumber TEXT NOT NULL, IssuerName TEXT NOT NULL,"
    " NotBefore INTEGER NOT NULL, NotAfter INTEGER NOT NULL,"
    " SubjectKeyIdentifier TEXT, PublicKeyAlgorithm TEXT, PublicKeyLength INTEGER,"
    " KeyRecoveryHashes TEXT,"
    " KeyBlob INTEGER NOT NULL,"     /* 0 no key, 1 RSA, 2 ECC, 3 PKCS #8 */
    " KeyMismatch INTEGER NOT NULL," /* archived by KRAF_SAVEBADREQUESTKEY */
    " KeyState INTEGER NOT NULL,"    /* 0 current, 1 previous */
    " MailboxGuid TEXT, DisplayName TEXT, FriendlyName TEXT,"
    " InputID INTEGER REFERENCES Inputs, Ordinal INTEGER NOT NULL,"
    " ChainID INTEGER REFERENCES Chains) STRICT;"
    "CREATE TABLE Material ("
    " RequestID INTEGER PRIMARY KEY REFERENCES Requests,"
    " RawCertificate BLOB NOT NULL,"
    " RawArchivedKey BLOB) STRICT;"
    "CREATE TABLE Tokens (Token INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE CertificateTokens (Token INTEGER PRIMARY KEY) STRICT;";

const char kf_sqlite_schema_audit[] =
    "CREATE TABLE Audit ("
    " Sequence INTEGER PRIMARY KEY,"
    " Entry TEXT NOT NULL,"
    " Leaf BLOB NOT NULL CHECK (length(Leaf) = 32),"
    " Link BLOB NOT NULL CHECK (length(Link) = 32)) STRICT;"
    "CREATE TABLE AuditHead (" /* one row: what the next entry is added to */
    " Only INTEGER PRIMARY KEY CHECK (Only = 1),"
    " Size INTEGER NOT NULL, Subtrees BLOB NOT NULL, Link BLOB NOT NULL) STRICT;"
    "INSERT INTO AuditHead VALUES (1, 0, x'', zeroblob(32));"
    "CREATE TRIGGER AuditKeepsEntries BEFORE UPDATE ON Audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever appended to'); END;"
    "CREATE TRIGGER AuditKeepsAllEntries BEFORE DELETE ON Audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever appended to'); END;";

#define ROW_COLUMNS                                                                                \
    "SELECT RequestID, Disposition, SubmittedWhen, ResolvedWhen, RequesterName, CallerName,"       \
    " DistinguishedName, CommonName, EMail, UPN, IssuerName, SerialNumber, NotBefore, NotAfter,"   \
    " SubjectKeyIdentifier, PublicKeyAlgorithm, PublicKeyLength, CertificateHash,"                 \
    " CertificateSHA256, KeyBlob, KeyRecoveryHashes, KeyMismatch, KeyState, MailboxGuid,"          \
    " DisplayName, FriendlyName, RunID, Name, Ordinal"                                             \
    " FROM Requests LEFT JOIN Inputs USING (InputID) "

#define RUN_COLUMNS                                                                                \
    "SELECT RunID, Command, Options, Inputs, Caller, Started, Ended, PositionInput,"               \
    " PositionEntries, Archived, Known, Refused, Failed, Skipped, Users, KraStart, PositionUsers"  \
    " FROM Runs "

#define INPUT_COLUMNS                                                                              \
    "SELECT InputID, Position, Name, Size, SHA256, Certificates, Remarks FROM Inputs "

const char *const kf_sqlite_statements[KF_SQL_COUNT] = {
    [KF_SQL_SETTING_GET] = "SELECT Value FROM Settings WHERE Name = ?1",
    [KF_SQL_SETTING_PUT] = "INSERT INTO Settings VALUES (?1, ?2)"
                           " ON CONFLICT (Name) DO UPDATE SET Value = excluded.Value",

    [KF_SQL_SETTING_LIST] = "SELECT Name FROM Settings ORDER BY Name",

    [KF_SQL_CERTIFICATE_FIND] = "SELECT CertificateID FROM Certificates WHERE SHA256 = ?1",
    [KF_SQL_CERTIFICATE_ADD] =
        "INSERT INTO Certificates (SHA1, SHA256, RawCertificate) VALUES (?1, ?2, ?3)",
    [KF_SQL_CERTIFICATE_BY_SHA1] = "SELECT RawCertificate FROM Certificates WHERE SHA1 = ?1",
    [KF_SQL_CERTIFICATE_LIST] = "SELECT CertificateID, SHA1, SHA256, RawCertificate,"
                                " CertificateID IN (SELECT CertificateID FROM Authorities)"
                                " OR CertificateID IN (SELECT CertificateID FROM Agents)"
                                " OR CertificateID IN (SELECT CertificateID FROM ChainMembers)"
                                " FROM Certificates ORDER BY CertificateID",
    [KF_SQL_AUTHORITY_ADD] = "INSERT INTO Authorities VALUES (?1, ?2, ?3)",
    [KF_SQL_AUTHORITY_LIST] = "SELECT IsOwn, RawCertificate, Position FROM Authorities"
                              " JOIN Certificates USING (CertificateID) ORDER BY Position",

    [KF_SQL_AGENT_LIST] = "SELECT RawCertificate, Added, Position FROM Agents"
                          " JOIN Certificates USING (CertificateID)"
                          " WHERE Position IS NOT NULL ORDER BY Position",
    [KF_SQL_AGENT_KNOWN] = "SELECT CertificateID, SHA1, SHA256, Position FROM Agents"
                           " JOIN Certificates USING (CertificateID)"
                           " ORDER BY Position IS NULL, Position",
    [KF_SQL_AGENT_ALL_LIST] = "SELECT SHA256, Added FROM Agents"
                              " JOIN Certificates USING (CertificateID) ORDER BY CertificateID",
    [KF_SQL_AGENT_CLEAR] = "UPDATE Agents SET Position = NULL",
    [KF_SQL_AGENT_PUT] = "INSERT INTO Agents VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (CertificateID) DO UPDATE SET Position = excluded.Position",

    [KF_SQL_CHAIN_FIND] = "SELECT ChainID FROM Chains WHERE SHA256 = ?1",
    [KF_SQL_CHAIN_ADD] = "INSERT INTO Chains (SHA256) VALUES (?1)",
    [KF_SQL_CHAIN_MEMBER_ADD] = "INSERT INTO ChainMembers VALUES (?1, ?2, ?3)",
    [KF_SQL_CHAIN_LIST] = "SELECT RawCertificate FROM Requests"
                          " JOIN ChainMembers USING (ChainID)"
                          " JOIN Certificates USING (CertificateID)"
                          " WHERE RequestID = ?1 ORDER BY Position",

    [KF_SQL_CHAIN_ALL_LIST] =
        "SELECT ChainID, c.SHA256, Position, RawCertificate FROM Chains c"
        " LEFT JOIN ChainMembers USING (ChainID) LEFT JOIN Certificates USING (CertificateID)"
        " ORDER BY ChainID, Position",
    [KF_SQL_CHAIN_STRAY_LIST] = "SELECT DISTINCT ChainID FROM ChainMembers"
                                " WHERE ChainID NOT IN (SELECT ChainID FROM Chains)",

    [KF_SQL_ROW_ADD] = "INSERT INTO Requests VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                       " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,"
                       " ?25, ?26, ?27, ?28)",
    [KF_SQL_ROW_SET_KEY] =
        "UPDATE Requests SET ResolvedWhen = ?1, RequesterName = coalesce(?2, RequesterName),"
        " CallerName = ?3, KeyRecoveryHashes = ?4, KeyBlob = ?5, KeyMismatch = ?6, KeyState = ?7,"
        " MailboxGuid = coalesce(?8, MailboxGuid), DisplayName = coalesce(?9, DisplayName),"
        " FriendlyName = coalesce(?10, FriendlyName), InputID = ?11, Ordinal = ?12,"
        " ChainID = coalesce(?13, ChainID) WHERE RequestID = ?14",
    [KF_SQL_MATERIAL_ADD] = "INSERT INTO Material VALUES (?1, ?2, ?3)",
    [KF_SQL_MATERIAL_SET] = "UPDATE Material SET RawArchivedKey = ?1 WHERE RequestID = ?2",
    [KF_SQL_MATERIAL_GET] =
        "SELECT RawCertificate, RawArchivedKey FROM Material WHERE RequestID = ?1",
    [KF_SQL_MATERIAL_STRAY_LIST] = "SELECT RequestID FROM Material"
                                   " WHERE RequestID NOT IN (SELECT RequestID FROM Requests)",
    [KF_SQL_ROW_COUNT] = "SELECT count(*) FROM CertificateTokens", /* one a row, and narrow */
    [KF_SQL_ROW_LAST] = "SELECT coalesce(max(RequestID), 0) FROM Requests",
    [KF_SQL_ROW_LIST] = ROW_COLUMNS "WHERE RequestID > ?1 ORDER BY RequestID LIMIT ?2",
    [KF_SQL_ROW_GET] = ROW_COLUMNS "WHERE RequestID = ?1",
    [KF_SQL_ROW_RAW_GET] = "SELECT * FROM Requests WHERE RequestID = ?1",
    [KF_SQL_ROW_RAW_LIST] = "SELECT Requests.*, RawCertificate, RawArchivedKey FROM Requests"
                            " LEFT JOIN Material USING (RequestID)"
                            " WHERE RequestID >= ?1 ORDER BY RequestID",
    [KF_SQL_ROW_KEY_GET] = "SELECT CertificateSHA256, KeyBlob FROM Requests WHERE RequestID = ?1",
    [KF_SQL_TOKEN_ADD] = "INSERT OR IGNORE INTO Tokens VALUES (?1)",
    [KF_SQL_TOKENS_ADD] = "INSERT OR IGNORE INTO Tokens VALUES (?1), (?2), (?3), (?4), (?5), (?6),"
                          " (?7), (?8), (?9), (?10), (?11), (?12), (?13), (?14), (?15), (?16)",
    [KF_SQL_TOKEN_LIST] = "SELECT Token FROM Tokens WHERE Token BETWEEN ?1 AND ?2",
    [KF_SQL_CERT_TOKEN_ADD] = "INSERT INTO CertificateTokens VALUES (?1)",
    [KF_SQL_CERT_TOKEN_LIST] = "SELECT Token FROM CertificateTokens WHERE Token BETWEEN ?1 AND ?2",

    [KF_SQL_RUN_ADD] = "INSERT INTO Runs (Command, Options, Inputs, Caller, Started, KraStart)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [KF_SQL_RUN_ADVANCE] =
        "UPDATE Runs SET PositionInput = ?1, PositionEntries = ?2, Archived = ?3, Known = ?4,"
        " Refused = ?5, Failed = ?6, Skipped = ?7, Users = ?8, PositionUsers = ?9"
        " WHERE RunID = ?10",
    [KF_SQL_RUN_SET_OUTCOMES] = "UPDATE Runs SET Outcomes = ?1 WHERE RunID = ?2",
    [KF_SQL_RUN_RAW_GET] = "SELECT * FROM Runs WHERE RunID = ?1",
    [KF_SQL_RUN_END] = "UPDATE Runs SET Ended = ?1 WHERE RunID = ?2",
    [KF_SQL_RUN_GET] = RUN_COLUMNS "WHERE RunID = ?1",
    [KF_SQL_RUN_LIST] = RUN_COLUMNS "ORDER BY RunID",
    [KF_SQL_RUN_RESUMABLE] = RUN_COLUMNS
    "WHERE Ended IS NULL AND Command = ?1 AND Options = ?2 AND Inputs = ?3 ORDER BY RunID DESC",
    [KF_SQL_INPUT_FIND] = INPUT_COLUMNS "WHERE RunID = ?1 AND Position = ?2",
    [KF_SQL_INPUT_LIST] = INPUT_COLUMNS "WHERE RunID = ?1 ORDER BY Position",
    [KF_SQL_INPUT_RAW_LIST] = "SELECT * FROM Inputs WHERE RunID = ?1 ORDER BY Position, InputID",
    [KF_SQL_INPUT_ADD] = "INSERT INTO Inputs (RunID, Position, Name, Size, SHA256)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)",
    [KF_SQL_INPUT_SET] = "UPDATE Inputs SET Size = ?1, SHA256 = ?2 WHERE InputID = ?3",
    [KF_SQL_INPUT_REMARK] = "UPDATE Inputs SET Certificates = ?1, Remarks = ?2 WHERE InputID = ?3",
    [KF_SQL_ENTRY_LAST] = "SELECT coalesce(max(Sequence), 0),"
                          " (SELECT Outcomes FROM Runs WHERE RunID = ?1)"
                          " FROM Entries WHERE RunID = ?1",
    [KF_SQL_ENTRY_ADD] = "INSERT INTO Entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                         " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    [KF_SQL_ENTRY_RAW_LIST] = "SELECT e.*, f.* FROM Entries e LEFT JOIN EntryFacts f"
                              " ON f.RunID = e.RunID AND f.Sequence = e.Sequence"
                              " WHERE e.RunID = ?1 ORDER BY e.Sequence",
    [KF_SQL_ENTRY_STRAY_LIST] =
        "SELECT DISTINCT RunID, 0 FROM Entries WHERE RunID NOT IN (SELECT RunID FROM Runs)"
        " UNION ALL SELECT RunID, Sequence FROM EntryFacts f WHERE NOT EXISTS (SELECT 1"
        " FROM Entries e WHERE e.RunID = f.RunID AND e.Sequence = f.Sequence)",
    [KF_SQL_ENTRY_LIST] =
        "SELECT e.Sequence, i.Name, e.Ordinal, Place, Outcome, Replaced, e.RequestID,"
        " coalesce(e.CertificateHash, r.CertificateHash),"
        " coalesce(e.CertificateSHA256, r.CertificateSHA256), e.KeyState, IsForeign, Line, Code,"
        " Rule, Message, Password, PasswordEncoding, Cause, f.Name, f.EMail, f.IssuerName, "
        "f.SerialNumber, f.NotAfter,"
        " f.PublicKeyAlgorithm, f.PublicKeyLength, SignatureAlgorithm, HasRoca,"
        " i.Size, i.SHA256"
        " FROM Entries e JOIN Inputs i USING (InputID)"
        " LEFT JOIN Requests r ON r.RequestID = e.RequestID"
        " LEFT JOIN EntryFacts f ON f.RunID = e.RunID AND f.Sequence = e.Sequence"
        " WHERE e.RunID = ?1 ORDER BY e.Sequence",
    [KF_SQL_ENTRY_FACTS_ADD] = "INSERT INTO EntryFacts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                               " ?10, ?11, ?12)",

    [KF_SQL_STRANGER_LIST] =
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' AND CASE "
        "type"
        " WHEN 'table' THEN name NOT IN ('Settings', 'Certificates', 'Authorities', 'Agents',"
        " 'Chains', 'ChainMembers', 'Runs', 'Inputs', 'Entries', 'EntryFacts', 'Requests',"
        " 'Material', 'Tokens', 'CertificateTokens', 'Audit', 'AuditHead')"
        " WHEN 'trigger' THEN name NOT IN ('AuditKeepsEntries', 'AuditKeepsAllEntries')"
        " OR tbl_name <> 'Audit'"
        " OR sql NOT LIKE '% ON Audit BEGIN SELECT RAISE(ABORT, ''the audit trail is only ever"
        " appended to''); END'"
        " WHEN 'index' THEN sql IS NOT NULL" /* not the database's own */
        " ELSE 1 END",
    [KF_SQL_INTEGRITY_LIST] = "PRAGMA integrity_check",
    [KF_SQL_REFERENCES_LIST] = "PRAGMA foreign_key_check",

    [KF_SQL_AUDIT_ADD] = "INSERT INTO Audit (Entry, Leaf, Link) VALUES (?1, ?2, ?3)",
    [KF_SQL_AUDIT_LIST] = "SELECT Sequence, Entry, Leaf, Link FROM Audit ORDER BY Sequence",
    [KF_SQL_AUDIT_GET] = "SELECT Entry FROM Audit WHERE Sequence = ?1",
    [KF_SQL_AUDIT_HEAD_GET] = "SELECT Size, Subtrees, Link FROM AuditHead",
    [KF_SQL_AUDIT_HEAD_SET] = "UPDATE AuditHead SET Size = ?1, Subtrees = ?2, Link = ?3",
};
