import subprocess
import sys


def test_serving_carries_no_training_library() -> None:
    check = (
        "import sys, fraud_serving.main, fraud_serving.feature_writer, fraud_serving.profiles;"
        "print([m for m in ('sklearn', 'joblib', 'cloudpickle', 'skops', 'mlflow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
