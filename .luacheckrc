-- Orthanc's Lua is 5.3. Lines are as long as elsewhere in the repository.
std = "lua53"
max_line_length = false
-- What Orthanc gives to every script, and what it calls when a script defines it.
read_globals = {
    "DumpJson", "ParseJson", "RestApiGet", "RestApiPost", "RestApiPut", "RestApiDelete", "SendToPeer",
    "GetOrthancConfiguration", "GetKeyValue", "StoreKeyValue", "DeleteKeyValue",
}
globals = {"Initialize", "Finalize", "OnHeartBeat", "OnStoredInstance", "OnDeletedInstance", "OnUpdatedPeer", "OnJobSubmitted",
    "OnJobSuccess", "OnJobFailure", "IncomingHttpRequestFilter", "ReceivedInstanceFilter"}

-- The forwarder's files are loaded in an order into one table.
files["roles/orthanc_windows_gateway/files/forwarder"].globals = {"MediverseForwarder"}
-- Its tests stand in for Orthanc.
files["tests/forwarder/lua"].globals = {
    "MediverseForwarder", "DumpJson", "ParseJson", "RestApiGet", "RestApiPost", "RestApiPut", "RestApiDelete",
    "GetOrthancConfiguration", "GetKeyValue", "StoreKeyValue", "DeleteKeyValue", "print",
}
