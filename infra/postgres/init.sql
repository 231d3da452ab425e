-- Databases and roles, one per component, safe to run at every start. Passwords come from the environment
-- (\getenv), so that they never stand in a command line. A changed password in .env is taken over.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\getenv registry REGISTRY_DB_PASSWORD
\getenv metastore METASTORE_DB_PASSWORD
\getenv airflow AIRFLOW_DB_PASSWORD
\getenv mlflow MLFLOW_DB_PASSWORD
\getenv superset SUPERSET_DB_PASSWORD
\getenv fraud FRAUD_DB_PASSWORD
\getenv fraud_api FRAUD_API_DB_PASSWORD
\getenv fraud_reader FRAUD_READER_DB_PASSWORD
\getenv metrics METRICS_DB_PASSWORD

CREATE TEMPORARY TABLE wanted (role text, password text);
INSERT INTO wanted VALUES
    ('registry', :'registry'),
    ('metastore', :'metastore'),
    ('airflow', :'airflow'),
    ('mlflow', :'mlflow'),
    ('superset', :'superset'),
    ('fraud', :'fraud'),
    ('fraud_api', :'fraud_api'),
    ('fraud_reader', :'fraud_reader'),
    ('metrics', :'metrics');

SELECT format('CREATE ROLE %I LOGIN', role) FROM wanted
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec
SELECT format('ALTER ROLE %I WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', role, password)
FROM wanted \gexec

-- fraud_api and fraud_reader have no database of their own: they are guests in fraud; metrics reads the server's figures
SELECT format('CREATE DATABASE %I OWNER %I', role, role) FROM wanted
WHERE role NOT IN ('fraud_api', 'fraud_reader', 'metrics') AND role NOT IN (SELECT datname FROM pg_database) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database
WHERE datname IN (SELECT role FROM wanted) OR datname = 'postgres' \gexec
GRANT CONNECT ON DATABASE fraud TO fraud_api, fraud_reader;
GRANT CONNECT ON DATABASE postgres TO metrics;
GRANT pg_monitor TO metrics;

-- In fraud, tables are made by migrations as role fraud. What the guests may do with them:
-- fraud_api reads and adds (decisions are append-only), fraud_reader reads.
\connect fraud
GRANT USAGE ON SCHEMA public TO fraud_api, fraud_reader;
ALTER SCHEMA public OWNER TO fraud;
ALTER DEFAULT PRIVILEGES FOR ROLE fraud IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO fraud_api;
ALTER DEFAULT PRIVILEGES FOR ROLE fraud IN SCHEMA public GRANT USAGE ON SEQUENCES TO fraud_api;
ALTER DEFAULT PRIVILEGES FOR ROLE fraud IN SCHEMA public GRANT SELECT ON TABLES TO fraud_reader;
