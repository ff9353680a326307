package fields

// fdFields are about the descriptor that the event is about.
func fdFields() []Def {
	return []Def{
		{
			Name: "fd.num", Type: typeOf("int64"),
			Doc:  "Descriptor number used by the event (-1 after a failed open)",
			From: "Event.ret of opens, else the descriptor argument", bind: num((*Event).fdNum),
		},
		{
			Name: "fd.type", Type: typeOf("string"),
			Doc:  "Descriptor kind: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, memfd, ...",
			From: "Event.file", bind: str((*Event).fdType),
		},
		{
			Name: "fd.typechar", Type: typeOf("string"),
			Doc:  "One-letter descriptor kind (f file, d directory, 4, 6, u unix, p pipe, ...)",
			From: "Event.file", bind: str((*Event).fdTypeChar),
		},
		{
			Name: "fd.name", Type: typeOf("string"),
			Doc:  "Full path for files, connection tuple text for sockets; falls back to the call's path argument after a failed open",
			From: "Event.file, else the path or address argument", bind: str((*Event).fdName),
		},
		{
			Name: "fd.directory", Type: typeOf("string"),
			Doc:  "Directory part of fd.name for files",
			From: "as fd.name", Base: "fd.name", follow: directoryOf, bind: str((*Event).fdDirectory),
		},
		{
			Name: "fd.filename", Type: typeOf("string"),
			Doc:  "Last component of fd.name for files; absent for non-files and failed opens",
			From: "as fd.name", Base: "fd.name", follow: filenameOf, bind: str((*Event).fdFilename),
		},
		{
			Name: "fd.ip", Type: typeOf("ip"), Flags: FilterOnly | NoRight | NoTransform | Either,
			Doc:  "Matches either endpoint address",
			From: "Event.file, else the address argument", bind: endpointIPs,
		},
		{
			Name: "fd.cip", Type: typeOf("ip"),
			Doc:  "Client address",
			From: "as fd.ip", bind: addr(ipOf((*Event).client)),
		},
		{
			Name: "fd.sip", Type: typeOf("ip"),
			Doc:  "Server address",
			From: "as fd.ip", bind: addr(ipOf((*Event).server)),
		},
		{
			Name: "fd.lip", Type: typeOf("ip"),
			Doc:  "Local address",
			From: "as fd.ip", bind: addr(ipOf((*Event).local)),
		},
		{
			Name: "fd.rip", Type: typeOf("ip"),
			Doc:  "Remote address",
			From: "as fd.ip", bind: addr(ipOf((*Event).remote)),
		},
		{
			Name: "fd.port", Type: typeOf("port"), Flags: FilterOnly | NoRight | NoTransform | Either,
			Doc:  "Matches either endpoint port",
			From: "as fd.ip", bind: endpointPorts,
		},
		{
			Name: "fd.cport", Type: typeOf("port"),
			Doc:  "Client port",
			From: "as fd.ip", bind: num(portOf((*Event).client)),
		},
		{
			Name: "fd.sport", Type: typeOf("port"),
			Doc:  "Server port",
			From: "as fd.ip", bind: num(portOf((*Event).server)),
		},
		{
			Name: "fd.lport", Type: typeOf("port"),
			Doc:  "Local port",
			From: "as fd.ip", bind: num(portOf((*Event).local)),
		},
		{
			Name: "fd.rport", Type: typeOf("port"),
			Doc:  "Remote port",
			From: "as fd.ip", bind: num(portOf((*Event).remote)),
		},
		{
			Name: "fd.l4proto", Type: typeOf("string"),
			Doc:  "Tcp, udp, icmp, raw, or literal <NA>",
			From: "Event.file", bind: str((*Event).l4proto),
		},
		{
			Name: "fd.sockfamily", Type: typeOf("string"),
			Doc:  "Ip or unix; absent for non-sockets",
			From: "Event.file", bind: str((*Event).sockFamily),
		},
		{
			Name: "fd.is_server", Type: typeOf("bool"),
			Doc:  "True when the process owns the server end",
			From: "the event type: accepting makes a server", bind: boolean((*Event).isServer),
		},
		{
			Name: "fd.uid", Type: typeOf("string"),
			Doc:  "Thread id and descriptor number concatenated",
			From: "Event.tid and the descriptor", bind: str((*Event).fdUID),
		},
		{
			Name: "fd.containername", Type: typeOf("string"),
			Doc:  "Container id, colon, fd.name",
			From: "container.id and fd.name", bind: str(inContainer((*Event).fdName)),
		},
		{
			Name: "fd.containerdirectory", Type: typeOf("string"),
			Doc:  "Container id, colon, fd.directory",
			From: "container.id and fd.directory", bind: str(inContainer((*Event).fdDirectory)),
		},
		{
			Name: "fd.proto", Type: typeOf("port"), Flags: FilterOnly | NoRight | NoTransform | Either,
			Doc:  "Matches the service of either port (compares as a port)",
			From: "as fd.ip", bind: endpointPorts,
		},
		{
			Name: "fd.cproto", Type: typeOf("string"),
			Doc:  "Service name of the client port",
			From: "as fd.ip, with the usual names of ports", bind: str(serviceOf((*Event).client)),
		},
		{
			Name: "fd.sproto", Type: typeOf("string"),
			Doc:  "Service name of the server port",
			From: "as fd.ip, with the usual names of ports", bind: str(serviceOf((*Event).server)),
		},
		{
			Name: "fd.lproto", Type: typeOf("string"),
			Doc:  "Service name of the local port",
			From: "as fd.ip, with the usual names of ports", bind: str(serviceOf((*Event).local)),
		},
		{
			Name: "fd.rproto", Type: typeOf("string"),
			Doc:  "Service name of the remote port",
			From: "as fd.ip, with the usual names of ports", bind: str(serviceOf((*Event).remote)),
		},
		{
			Name: "fd.net", Type: typeOf("net"), Flags: FilterOnly | NoRight | NoTransform | Either,
			Doc:  "CIDR test against either address",
			From: "as fd.ip", bind: endpointIPs,
		},
		{
			Name: "fd.cnet", Type: typeOf("net"), Flags: FilterOnly | NoRight | NoTransform,
			Doc:  "CIDR test against the client address",
			From: "as fd.ip", bind: addr(ipOf((*Event).client)),
		},
		{
			Name: "fd.snet", Type: typeOf("net"), Flags: FilterOnly | NoRight | NoTransform,
			Doc:  "CIDR test against the server address",
			From: "as fd.ip", bind: addr(ipOf((*Event).server)),
		},
		{
			Name: "fd.lnet", Type: typeOf("net"), Flags: FilterOnly | NoRight | NoTransform,
			Doc:  "CIDR test against the local address",
			From: "as fd.ip", bind: addr(ipOf((*Event).local)),
		},
		{
			Name: "fd.rnet", Type: typeOf("net"), Flags: FilterOnly | NoRight | NoTransform,
			Doc:  "CIDR test against the remote address",
			From: "as fd.ip", bind: addr(ipOf((*Event).remote)),
		},
		{
			Name: "fd.connected", Type: typeOf("bool"),
			Doc:  "True for a connected socket",
			From: "Event.ret of connect, else Event.file", bind: boolean((*Event).fdConnected),
		},
		{
			Name: "fd.name_changed", Type: typeOf("bool"),
			Doc:  "True when this event changed the descriptor's name",
			From: "Event.ret of connect", bind: boolean((*Event).fdNameChanged),
		},
		{
			Name: "fd.cip.name", Type: typeOf("string"), Flags: NoRight | NoTransform,
			Doc:     "DNS name of the client address",
			Missing: "addresses are not looked up in the DNS",
		},
		{
			Name: "fd.sip.name", Type: typeOf("string"), Flags: NoRight | NoTransform,
			Doc:     "DNS name of the server address",
			Missing: "addresses are not looked up in the DNS",
		},
		{
			Name: "fd.lip.name", Type: typeOf("string"), Flags: NoRight | NoTransform,
			Doc:     "DNS name of the local address",
			Missing: "addresses are not looked up in the DNS",
		},
		{
			Name: "fd.rip.name", Type: typeOf("string"), Flags: NoRight | NoTransform,
			Doc:     "DNS name of the remote address",
			Missing: "addresses are not looked up in the DNS",
		},
		{
			Name: "fd.dev", Type: typeOf("int32"), Flags: Hex,
			Doc:  "Device number of the file",
			From: "Event.file.device", bind: num(ofFile(deviceNumber)),
		},
		{
			Name: "fd.dev.major", Type: typeOf("int32"),
			Doc:  "Major device number",
			From: "Event.file.device", bind: num(ofFile(deviceMajor)),
		},
		{
			Name: "fd.dev.minor", Type: typeOf("int32"),
			Doc:  "Minor device number",
			From: "Event.file.device", bind: num(ofFile(deviceMinor)),
		},
		{
			Name: "fd.ino", Type: typeOf("int64"),
			Doc:  "Inode number of the file",
			From: "Event.file.inode", bind: num(ofFile(inode)),
		},
		{
			Name: "fd.nameraw", Type: typeOf("string"),
			Doc:  "Path exactly as passed, only with repeated slashes collapsed",
			From: "the path argument", bind: str((*Event).fdNameRaw),
		},
		{
			Name: "fd.types", Type: typeOf("string"), List: true, Arg: Index, Flags: NoRight,
			Doc:     "List of distinct descriptor kinds open in the process, or the kind of one descriptor [FD]",
			Missing: "the descriptors of a process are not listed",
		},
		{
			Name: "fd.is_upper_layer", Type: typeOf("bool"),
			Doc:     "True if the file is in an overlayfs upper layer",
			Missing: "the layer of opened files is not recorded",
		},
		{
			Name: "fd.is_lower_layer", Type: typeOf("bool"),
			Doc:     "True if the file is in an overlayfs lower layer",
			Missing: "the layer of opened files is not recorded",
		},
	}
}

// pathFields are about paths and lists of descriptors.
func pathFields() []Def {
	return []Def{
		{
			Name: "fs.path.name", Type: typeOf("string"),
			Doc:  "Resolved path acted on by a successful single-path file call",
			From: "path arguments of successful calls", bind: str(pathAt(false, "name", "path", "filename")),
		},
		{
			Name: "fs.path.nameraw", Type: typeOf("string"),
			Doc:  "Unresolved path of a successful single-path file call",
			From: "path arguments of successful calls", bind: str(pathAt(true, "name", "path", "filename")),
		},
		{
			Name: "fs.path.source", Type: typeOf("string"),
			Doc:  "Resolved source path of rename/link/symlink/mount",
			From: "path arguments of successful calls", bind: str((*Event).pathSource),
		},
		{
			Name: "fs.path.sourceraw", Type: typeOf("string"),
			Doc:  "Unresolved source path of those calls",
			From: "path arguments of successful calls", bind: str((*Event).pathSourceRaw),
		},
		{
			Name: "fs.path.target", Type: typeOf("string"),
			Doc:  "Resolved target path of rename/link/symlink/mount",
			From: "path arguments of successful calls", bind: str((*Event).pathTarget),
		},
		{
			Name: "fs.path.targetraw", Type: typeOf("string"),
			Doc:  "Unresolved target path of those calls",
			From: "path arguments of successful calls", bind: str((*Event).pathTargetRaw),
		},
		{
			Name: "fdlist.nums", Type: typeOf("string"),
			Doc:     "Poll/ppoll: descriptor numbers joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
		{
			Name: "fdlist.names", Type: typeOf("string"),
			Doc:     "Poll/ppoll: descriptor names joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
		{
			Name: "fdlist.cips", Type: typeOf("string"),
			Doc:     "Poll/ppoll: client addresses joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
		{
			Name: "fdlist.sips", Type: typeOf("string"),
			Doc:     "Poll/ppoll: server addresses joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
		{
			Name: "fdlist.cports", Type: typeOf("string"),
			Doc:     "Poll/ppoll: client ports joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
		{
			Name: "fdlist.sports", Type: typeOf("string"),
			Doc:     "Poll/ppoll: server ports joined by commas",
			Missing: "lists of descriptors are not recorded",
		},
	}
}
