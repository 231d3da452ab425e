"""How gunicorn serves Superset."""

import os

bind = f"{os.environ['FRAUD_BIND_HOST']}:{os.environ['SUPERSET_PORT']}"
# one process: Superset takes 300 MB before the first request, and its limits per address are counted in memory
workers = 1
worker_class = "gthread"
# a request waits for Trino most of the time, and a dashboard asks for all its charts at once
threads = 12
# above superset_config's timeouts, which answer with a message
timeout = 150
# links that carry a chart's settings are long
limit_request_line = 8190
accesslog = None
# it would lie in the home folder, where two stacks would share it
control_socket_disable = True
