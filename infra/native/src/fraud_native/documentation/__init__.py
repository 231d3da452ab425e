"""The documentation that people look at: pages of ``docs/`` and of dbt, built under ``var/docs`` and served."""
