BEGIN TRANSACTION;
CREATE TABLE jobs (
	id VARCHAR(36) NOT NULL, 
	sequence INTEGER NOT NULL, 
	process_id VARCHAR(64) NOT NULL, 
	inputs JSON NOT NULL, 
	outputs JSON NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	progress INTEGER NOT NULL, 
	message VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	by_client BOOLEAN NOT NULL, 
	created VARCHAR(32) NOT NULL, 
	started VARCHAR(32), 
	finished VARCHAR(32), 
	updated VARCHAR(32) NOT NULL, 
	results JSON, 
	PRIMARY KEY (id), 
	UNIQUE (sequence)
);
INSERT INTO "jobs" VALUES('e6c864d0-f91d-483d-aad4-14a9231c4bec',1,'downscale-smap','{"datetime": "2020-05"}','{"response": "document", "outputs": {}}','successful',100,'done',1,0,'2026-11-23T03:55:31.887+00:00','2026-11-23T03:55:31.899+00:00','2026-11-23T03:55:31.918+00:00','2026-11-23T03:55:31.918+00:00','{"items": {"type": "FeatureCollection", "features": []}, "report": {"months": 1}}');
INSERT INTO "jobs" VALUES('fb35d9ed-d4dd-44cc-99d5-8d8511769234',2,'reconstruct-sif','{"datetime": "1999-05"}','{"response": "document", "outputs": {}}','failed',0,'MCD43A4: no files in 1999-05',1,1,'2026-11-23T03:55:31.918+00:00','2026-11-23T03:55:31.938+00:00','2026-11-23T03:55:31.938+00:00','2026-11-23T03:55:31.938+00:00',NULL);
INSERT INTO "jobs" VALUES('dbbdcc6c-ea99-435c-88e3-888c02b8c324',3,'reconstruct-sif','{"datetime": "2020-06"}','{"response": "document", "outputs": {}}','dismissed',0,'dismissed by request',1,0,'2026-11-23T03:55:31.939+00:00','2026-11-23T03:55:31.940+00:00','2026-11-23T03:55:31.940+00:00','2026-11-23T03:55:31.940+00:00',NULL);
INSERT INTO "jobs" VALUES('b17d754e-6465-4730-bf21-7ca41592ceb6',4,'reconstruct-sif','{"datetime": "2020-07"}','{"response": "raw", "outputs": {"items": "reference"}}','running',30,'fitting',1,0,'2026-11-23T03:55:31.961+00:00','2026-11-23T03:55:31.962+00:00',NULL,'2026-11-23T03:55:31.962+00:00',NULL);
INSERT INTO "jobs" VALUES('110f3301-99d5-4a56-adc0-62666f1eb1f1',5,'downscale-smap','{"datetime": "2020-08/2020-09"}','["items"]','accepted',0,'waiting in line',0,0,'2026-11-23T03:55:31.963+00:00',NULL,NULL,'2026-11-23T03:55:31.963+00:00',NULL);
INSERT INTO "jobs" VALUES('fbf56bc7-0d2d-4db7-bf11-f3c52921fc1f',6,'echo','{"text": "hi"}','{"response": "document", "outputs": {}}','accepted',0,'waiting in line',0,0,'2026-11-23T03:55:31.963+00:00',NULL,NULL,'2026-11-23T03:55:31.963+00:00',NULL);
CREATE INDEX jobs_by_process ON jobs (process_id);
CREATE INDEX jobs_by_status ON jobs (status, sequence);
COMMIT;
