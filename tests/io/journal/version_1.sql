BEGIN TRANSACTION;
CREATE TABLE events (
    event TEXT PRIMARY KEY NOT NULL, session TEXT NOT NULL REFERENCES sessions, place INTEGER NOT NULL,
    at TEXT NOT NULL, kind TEXT NOT NULL, cell_id TEXT NOT NULL, round TEXT NOT NULL, value TEXT NOT NULL,
    takes_back TEXT NOT NULL, seen TEXT NOT NULL, after TEXT NOT NULL, digest TEXT NOT NULL UNIQUE
);
INSERT INTO "events" VALUES('ce02230bd18842808b0666bb5b93a063','2ca83e5ad77d4d6aaaad921b7c06d7aa',0,'2026-11-21T11:40:36.674980+00:00','opened','','','','','{"software":"her2plastic 0.1.0"}','0618b70fb34f78f37dd123163c28c4ae','09c353e5e96b517ad961c56658251201');
INSERT INTO "events" VALUES('6bff814db97c4235bd5501d3259fad22','2ca83e5ad77d4d6aaaad921b7c06d7aa',1,'2026-11-21T11:40:36.677682+00:00','decision','D01-d0:7','review','HER2-low','','{"image":"5b0f","ranges":{"HER2":[0,900]},"blinded":true}','09c353e5e96b517ad961c56658251201','be155fd475401f8bf883b98cce9421e3');
INSERT INTO "events" VALUES('d5b46276ced848239ce900bd78405640','2ca83e5ad77d4d6aaaad921b7c06d7aa',2,'2026-11-21T11:40:36.679689+00:00','note','D01-d0:7','review','thin rim, “blebs”','','{}','be155fd475401f8bf883b98cce9421e3','475f2843fa8cb70a052ebfe036265d00');
INSERT INTO "events" VALUES('4645d9d010d349eb9e4878530604b983','2ca83e5ad77d4d6aaaad921b7c06d7aa',3,'2026-11-21T11:40:36.681712+00:00','decision','D01-d0:7','repeat','unsure','','{}','475f2843fa8cb70a052ebfe036265d00','4e39e253728cb8272ae1904d80591b16');
INSERT INTO "events" VALUES('443f6cb20edc4301b9ce29dd74aa7074','2ca83e5ad77d4d6aaaad921b7c06d7aa',4,'2026-11-21T11:40:36.684039+00:00','decision','D01-d0:9','review','HER2-0','','{}','4e39e253728cb8272ae1904d80591b16','cd466d7e029501ae67633810001fe4fc');
INSERT INTO "events" VALUES('62254f16dd664ce1b1c716fc36b40cbe','2ca83e5ad77d4d6aaaad921b7c06d7aa',5,'2026-11-21T11:40:36.687872+00:00','undo','D01-d0:9','review','','443f6cb20edc4301b9ce29dd74aa7074','{}','cd466d7e029501ae67633810001fe4fc','634479ade7f7540c2887e4b45089d47c');
INSERT INTO "events" VALUES('4c59b44713024922bb00fd1f770122f4','2ca83e5ad77d4d6aaaad921b7c06d7aa',6,'2026-11-21T11:40:36.691347+00:00','closed','','','','','{}','634479ade7f7540c2887e4b45089d47c','81484db7a1709dd7357cd5e1e84ab8a9');
CREATE TABLE sessions (
    session TEXT PRIMARY KEY NOT NULL, reviewer TEXT NOT NULL, begun TEXT NOT NULL, settings TEXT NOT NULL,
    queue TEXT NOT NULL, data TEXT NOT NULL, digest TEXT NOT NULL UNIQUE
);
INSERT INTO "sessions" VALUES('2ca83e5ad77d4d6aaaad921b7c06d7aa','AB','2026-11-21T11:40:36.670706+00:00','{"blinded":true,"order":"random","seed":0}','[["D01-d0:7","review"],["D01-d0:9","review"]]','{"name":"test"}','0618b70fb34f78f37dd123163c28c4ae');
CREATE INDEX events_of_sessions ON events (session, at);
CREATE TRIGGER sessions_keep_update BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER sessions_keep_delete BEFORE DELETE ON sessions BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER sessions_keep_replace BEFORE INSERT ON sessions WHEN EXISTS (SELECT 1 FROM sessions WHERE session = NEW.session OR digest = NEW.digest) BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER events_keep_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER events_keep_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
CREATE TRIGGER events_keep_replace BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE event = NEW.event OR digest = NEW.digest) BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END;
COMMIT;
PRAGMA application_id = 1211256914;
PRAGMA user_version = 1;
