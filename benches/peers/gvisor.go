// gVisor's netstack on a TAP: echo, discard and chargen over its sockets for Go.
//
//	gvisor FD MAC ADDRESS LENGTH plain|offload
//
// FD is an open TAP that does not block. With offload, frames carry a virtio_net_hdr of twelve bytes: checksums and
// segmentation are the kernel's. Without, gVisor's own endpoint for file descriptors reads and writes them.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/bufferv2"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	mtu       = 1500
	superMax  = 65535
	vnetSize  = 10
	frameMax  = vnetSize + header.EthernetMinimumSize + superMax
	callBytes = 256 << 10
	bufferMax = 4 << 20
	nic       = 1

	// RFC 862, RFC 863 and RFC 864.
	echoPort    = 7
	discardPort = 9
	sourcePort  = 19

	// virtio 1.2, 5.1.6.
	needsChecksum = 1
	gsoTCPv4      = 1
)

// tap is a link whose frames the kernel finishes.
type tap struct {
	fd         int
	mac        tcpip.LinkAddress
	dispatcher stack.NetworkDispatcher
}

func (t *tap) MTU() uint32                    { return mtu }
func (t *tap) MaxHeaderLength() uint16        { return header.EthernetMinimumSize }
func (t *tap) LinkAddress() tcpip.LinkAddress { return t.mac }
func (t *tap) IsAttached() bool               { return t.dispatcher != nil }
func (t *tap) Wait()                          {}
func (t *tap) GSOMaxSize() uint32             { return superMax - header.EthernetMinimumSize }
func (t *tap) SupportedGSO() stack.SupportedGSO {
	return stack.HostGSOSupported
}
func (t *tap) ARPHardwareType() header.ARPHardwareType {
	return header.ARPHardwareEther
}
func (t *tap) Capabilities() stack.LinkEndpointCapabilities {
	// What it leaves to the kernel to finish it says of each packet.
	return stack.CapabilityResolutionRequired | stack.CapabilityRXChecksumOffload
}

func (t *tap) Attach(dispatcher stack.NetworkDispatcher) {
	t.dispatcher = dispatcher
	if dispatcher != nil {
		go t.receive()
	}
}

func (t *tap) AddHeader(packet stack.PacketBufferPtr) {
	header.Ethernet(packet.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: packet.EgressRoute.LocalLinkAddress,
		DstAddr: packet.EgressRoute.RemoteLinkAddress,
		Type:    packet.NetworkProtocolNumber,
	})
}

func (t *tap) receive() {
	bytes := make([]byte, frameMax)
	for {
		length, err := rawfile.BlockingRead(t.fd, bytes)
		if err != nil {
			fail(errors.New(err.String()))
		}
		if length < vnetSize+header.EthernetMinimumSize {
			continue
		}
		frame := bufferv2.NewViewWithData(bytes[vnetSize:length])
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: bufferv2.MakeWithView(frame)})
		link, ok := packet.LinkHeader().Consume(header.EthernetMinimumSize)
		if ok {
			t.dispatcher.DeliverNetworkPacket(header.Ethernet(link).Type(), packet)
		}
		packet.DecRef()
	}
}

func (t *tap) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	written := 0
	for _, packet := range packets.AsSlice() {
		if err := t.write(packet); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

func (t *tap) write(packet stack.PacketBufferPtr) tcpip.Error {
	var vnet [vnetSize]byte
	gso := packet.GSOOptions
	if gso.Type != stack.GSONone {
		binary.LittleEndian.PutUint16(vnet[2:], uint16(packet.HeaderSize()))
		if gso.NeedsCsum {
			vnet[0] = needsChecksum
			binary.LittleEndian.PutUint16(vnet[6:], header.EthernetMinimumSize+gso.L3HdrLen)
			binary.LittleEndian.PutUint16(vnet[8:], gso.CsumOffset)
		}
		if packet.Data().Size() > int(gso.MSS) {
			vnet[1] = gsoTCPv4
			binary.LittleEndian.PutUint16(vnet[4:], gso.MSS)
		}
	}
	pieces := packet.AsSlices()
	vectors := make([]unix.Iovec, 0, 8)
	vectors = rawfile.AppendIovecFromBytes(vectors, vnet[:], rawfile.MaxIovs)
	for _, piece := range pieces {
		vectors = rawfile.AppendIovecFromBytes(vectors, piece, rawfile.MaxIovs)
	}
	return rawfile.NonBlockingWriteIovec(t.fd, vectors)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gvisor:", err)
	os.Exit(1)
}

// must is for what may only fail when it was called wrongly.
func must(err tcpip.Error) {
	if err != nil {
		fail(errors.New(err.String()))
	}
}

func start(fd int, mac net.HardwareAddr, own net.IP, length int, offload bool) *stack.Stack {
	link := stack.LinkEndpoint(&tap{fd: fd, mac: tcpip.LinkAddress(mac)})
	if !offload {
		endpoint, err := fdbased.New(&fdbased.Options{
			FDs: []int{fd}, MTU: mtu, EthernetHeader: true, Address: tcpip.LinkAddress(mac),
		})
		if err != nil {
			fail(err)
		}
		link = endpoint
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	sack, moderate, cubic := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true), tcpip.CongestionControlOption("cubic")
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: bufferMax}
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: bufferMax}
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &moderate, &cubic, &send, &receive} {
		must(s.SetTransportProtocolOption(tcp.ProtocolNumber, option))
	}
	must(s.CreateNIC(nic, link))
	prefix := tcpip.AddressWithPrefix{Address: tcpip.Address(own), PrefixLen: length}
	must(s.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: prefix}, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func listen(s *stack.Stack, port uint16, serve func(net.Conn)) {
	listener, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Port: port}, ipv4.ProtocolNumber)
	if err != nil {
		fail(err)
	}
	go func() {
		for {
			stream, err := listener.Accept()
			if err != nil {
				fail(err)
			}
			go func() {
				defer stream.Close()
				serve(stream)
			}()
		}
	}()
}

func echo(stream net.Conn) {
	bytes := make([]byte, 64<<10)
	for {
		length, err := stream.Read(bytes)
		if err != nil {
			return
		}
		if _, err = stream.Write(bytes[:length]); err != nil {
			return
		}
	}
}

func discard(stream net.Conn) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, stream, make([]byte, callBytes))
}

func source(stream net.Conn) {
	bytes := make([]byte, callBytes)
	for {
		if _, err := stream.Write(bytes); err != nil {
			return
		}
	}
}

func datagrams(s *stack.Stack) {
	socket, err := gonet.DialUDP(s, &tcpip.FullAddress{NIC: nic, Port: echoPort}, nil, ipv4.ProtocolNumber)
	if err != nil {
		fail(err)
	}
	go func() {
		bytes := make([]byte, 2048)
		for {
			length, from, err := socket.ReadFrom(bytes)
			if err != nil {
				fail(err)
			}
			// One that does not fit is lost, as UDP is.
			_, _ = socket.WriteTo(bytes[:length], from)
		}
	}()
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: gvisor FD MAC ADDRESS LENGTH plain|offload")
		os.Exit(2)
	}
	fd, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fail(err)
	}
	mac, err := net.ParseMAC(os.Args[2])
	if err != nil {
		fail(err)
	}
	length, err := strconv.Atoi(os.Args[4])
	if err != nil {
		fail(err)
	}
	s := start(fd, mac, net.ParseIP(os.Args[3]).To4(), length, os.Args[5] == "offload")
	listen(s, echoPort, echo)
	listen(s, discardPort, discard)
	listen(s, sourcePort, source)
	datagrams(s)
	fmt.Println("ready")
	select {}
}
