#!/usr/bin/env python3
"""A function for tests: writes each input to the ledger bucket, and fails when the input contains "fail"."""

import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
NAME = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
LEDGER = os.environ["AWS_ENDPOINT_URL_S3"] + "/" + os.environ["HOLDFAST_LEDGER_BUCKET"] + "/inputs/" + NAME + "/"
SIGNATURE = "AWS4-HMAC-SHA256 Credential=test/20260101/" + os.environ["AWS_REGION"] + "/s3/aws4_request, SignedHeaders=host, Signature=0"

number = 0
while True:
    with urllib.request.urlopen(API + "next") as response:
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(response)
    number += 1
    print("input", json.dumps(event), flush=True)
    body = json.dumps(event).encode()
    put = urllib.request.Request(f"{LEDGER}{request_id}-{number}", body, {"authorization": SIGNATURE}, method="PUT")
    urllib.request.urlopen(put).read()
    verdict, answer = ("error", {"errorType": "Permanent", "errorMessage": "told to fail"}) if b"fail" in body else ("response", {})
    urllib.request.urlopen(urllib.request.Request(API + request_id + "/" + verdict, json.dumps(answer).encode())).read()
