"""What a script of a user does with msgraph-beta-sdk, one module for each part of the API."""
