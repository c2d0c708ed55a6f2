// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Origin } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import {
	MessagingParams
} from "@layerzerolabs/lz-evm-protocol-v2/contracts/interfaces/ILayerZeroEndpointV2.sol";
import { Identity, Leaf, Operation } from "./Identity.sol";
import { Sender } from "./Sender.sol";
import { Signature } from "./Signature.sol";

/// Where owners register identities and change them. Checks each operation's signature here, once, and sends
/// a batch of them as one message to the main registry: the root of their Merkle tree, and in full those that
/// are written on arrival. The leaves are in the Batch event, so anyone can make every proof.
///
/// A registry knows only what went through itself. That an identity was rotated or revoked through another one
/// is for the main registry to judge.
contract ProxyRegistry is Sender {
	struct State {
		address owner;    // 0: not rotated here
		uint64 version;   // the last one seen here
		bool revoked;
		bool recoverable; // recoveryOf has its account
	}

	struct Answer {
		bytes32 root;     // 0: the batch was passed over, none of its members counts
		uint32 accepted;
		uint32 rejected;
		bool known;
	}

	/// An operation of a contract, waiting for a batch.
	struct Queued {
		bytes32 subject;
		bytes32 dataHash;
		address owner;
		uint64 version;
		uint8 kind;
		bool eager;
		address firstOwner;
		bool home;
	}

	/// An operation as it is judged: of an owner who signs, or of a contract that calls.
	struct Change {
		uint8 kind;
		uint64 version;
		bool eager;
		bool home;        // registered on this chain
		bytes32 subject;
		address firstOwner;
		address owner;
		address account;
		address recovery;
		bytes32 dataHash;
	}

	/// A batch while it is made.
	struct Draft {
		uint256 room;     // members it has memory for
		uint256 count;
		uint256 written;
		uint256 data;     // memory address: the Batch event's data
		bytes32[] nodes;  // the leaves' hashes
		bytes records;    // the message's
		bytes32 domain;
	}

	/// Subjects that `check` came across, with what it found or made of them: a hash table.
	struct Seen {
		bytes32[] subjects;
		State[] states;
		address[] recoveries;
	}

	uint256 public constant OPERATIONS_MAX = 500; // members a batch
	uint256 public constant WRITTEN_MAX = 50;     // of them written on arrival
	/// Gas of EndpointV2.lzReceive for a batch, and for each of its records.
	uint256 public constant RECEIVE_GAS = 200_000;
	uint256 public constant WRITE_GAS = 70_000;
	/// An operation is only tried when BATCH_GAS, OPERATION_GAS, OPERATION_GAS_PER_BYTE a byte of its
	/// signatures and OPERATION_GAS_SKIP for each of all operations is left: none fails because gas ran out.
	uint256 public constant BATCH_GAS = 600_000;
	uint256 public constant OPERATION_GAS = 400_000;
	uint256 public constant OPERATION_GAS_PER_BYTE = 40;
	uint256 public constant OPERATION_GAS_SKIP = 4_000;

	bytes32 public constant OPERATION_TYPEHASH = keccak256(
		"Operation(string operation,uint32 mainEid,uint256 homeChainId,address firstOwner,bytes32 salt,"
		"address owner,address account,address recovery,bytes32 dataHash,uint64 version,bool eager,"
		"uint256 deadline)"
	);
	uint256 private constant LEAF_BYTES = 128;
	uint256 private constant DATA_HEAD_BYTES = 160; // guid, prevRoot, root, offset and number of the leaves

	uint32 public immutable mainEid;

	uint64 public lastNumber;
	uint64 public queueNext;                        // the position that joins next
	uint64 public queueEnd;                         // the position that comes in next
	bytes32 public lastRoot;
	mapping(bytes32 subject => State) private states;
	mapping(bytes32 subject => address) public recoveryOf;
	mapping(address submitter => mapping(bytes32 requestId => uint64)) public batchOf; // 0: none
	mapping(uint64 position => Queued) public queued;
	mapping(uint64 number => Answer) public answerOf;

	event Batch(
		uint64 indexed number,
		bytes32 indexed requestId,
		bytes32 guid,
		bytes32 prevRoot,
		bytes32 root,
		Leaf[] leaves
	);
	/// Not in the batch. `index` counts the operations given, then those taken from the queue.
	event OperationSkipped(bytes32 indexed requestId, uint256 index, bytes32 subject, bytes4 reason);
	event Enqueued(
		uint64 indexed position,
		bytes32 indexed subject,
		address owner,
		uint8 kind,
		uint64 version,
		bytes32 dataHash,
		bool eager
	);
	event Answered(uint64 indexed number, bytes32 root, uint32 accepted, uint32[] rejected);

	// Reasons of OperationSkipped.
	error AlreadyRegistered();
	error BadAccount();        // link, rotate: none, or the owner itself. Else: not 0
	error BadConsent();        // link, rotate: not the account's. Else: not empty
	error BadData();           // revoke: not 0
	error BadKind();
	error BadOwner();          // not who owns it here
	error BadRecovery();       // only register and update name one
	error BadSignature();
	error BadVersion();        // register: not 1. Else: below 2
	error Expired();
	error IsRevoked();
	error NotRegistered();
	error StaleVersion();
	error WrongChain();        // registered on the chain it names only
	// These pass: the same operation may do in another batch.
	error BatchFull();
	error LowGas();
	error TooManyWritten();
	// Reasons of Skipped.
	error EmptyBatch();
	error RequestUsed();

	constructor(address endpoint_, address owner_, uint32 mainEid_) Sender(endpoint_, owner_) {
		mainEid = mainEid_;
	}

	/// Makes a batch of those operations that are good, and of at most `take` from the queue, and sends it. For
	/// each other one: OperationSkipped. Anyone may submit; a requestId serves one batch a submitter. When there
	/// is nothing to send: Skipped, and (0, 0). msg.value pays the endpoint; the rest goes back to the caller.
	function submit(Operation[] calldata operations, uint256 take, bytes32 requestId)
		external
		payable
		refunding
		returns (uint64 number, bytes32 guid)
	{
		if (batchOf[msg.sender][requestId] != 0) {
			emit Skipped(0, requestId, abi.encodeWithSelector(RequestUsed.selector));
			return (0, 0);
		}
		uint256 waiting = queueEnd - queueNext;
		Draft memory draft = _newDraft(operations.length + (take < waiting ? take : waiting));

		_takeGiven(draft, operations, requestId);
		_takeQueued(draft, take, operations.length, requestId);
		if (draft.count == 0) {
			emit Skipped(0, requestId, abi.encodeWithSelector(EmptyBatch.selector));
			return (0, 0);
		}
		return _send(draft, requestId);
	}

	/// For a contract on this chain, which is the owner: its operation waits until someone's batch takes it.
	/// An update leaves the recovery account as it is.
	function enqueue(
		uint8 kind,
		uint64 version,
		uint256 homeChainId,
		address firstOwner,
		bytes32 salt,
		bytes32 dataHash,
		bool eager
	) external {
		bytes32 subject = Identity.subjectOf(homeChainId, firstOwner, salt);
		Change memory change = Change(
			kind,
			version,
			eager,
			homeChainId == block.chainid,
			subject,
			firstOwner,
			msg.sender,
			address(0),
			address(0),
			dataHash
		);
		bytes4 reason = kind == Identity.LINK || kind == Identity.ROTATE
			? BadKind.selector : _judge(change, states[subject]);

		if (reason != 0)
			assembly ("memory-safe") {
				mstore(0, reason)
				revert(0, 4)
			}
		uint64 position = queueEnd++;
		queued[position] = Queued(
			subject, dataHash, msg.sender, version, kind, eager, firstOwner, change.home
		);
		emit Enqueued(position, subject, msg.sender, kind, version, dataHash, eager);
	}

	/// What `submit` would say of each, one after the other; 0: it would be in the batch.
	function check(Operation[] calldata operations) external view returns (bytes4[] memory reasons) {
		Draft memory draft;
		Change memory change;
		Seen memory seen = _newSeen(operations.length);

		draft.domain = Signature.domainSeparator();
		draft.room = operations.length < OPERATIONS_MAX ? operations.length : OPERATIONS_MAX;
		reasons = new bytes4[](operations.length);
		for (uint256 i = 0; i < operations.length; ++i) {
			_read(operations[i], change);
			uint256 at = _lookUp(seen, change.subject);
			State memory state = seen.states[at];

			reasons[i] = _judgeSigned(draft, operations[i], change, state, seen.recoveries[at]);
			if (reasons[i] == 0)
				reasons[i] = _judgeRoom(draft, change);
			if (reasons[i] == 0) {
				_advance(change, state);
				if (change.kind <= Identity.UPDATE)
					seen.recoveries[at] = change.recovery;
				++draft.count;
				if (_isWritten(change))
					++draft.written;
			}
		}
	}

	/// The endpoint's fee for a batch with so many operations written on arrival.
	function quote(uint256 written) external view returns (uint256 nativeFee) {
		if (written > WRITTEN_MAX)
			revert TooManyWritten();
		bytes memory message = new bytes(Identity.BATCH_HEADER_BYTES + written * Identity.RECORD_BYTES);
		return _quote(mainEid, message, _options(written), false).nativeFee;
	}

	/// The digest its owner signs.
	function hashOperation(Operation calldata operation)
		external
		view
		returns (bytes32 subject, bytes32 digest)
	{
		subject = Identity.subjectOf(operation.homeChainId, operation.firstOwner, operation.salt);
		digest = Signature.digestOf(Signature.domainSeparator(), _structHash(operation));
	}

	/// owner 0: not rotated here. version 0: never seen here.
	function stateOf(bytes32 subject)
		external
		view
		returns (address owner, uint64 version, bool revoked)
	{
		State storage state = states[subject];
		return (state.owner, state.version, state.revoked);
	}

	function _newDraft(uint256 most) private view returns (Draft memory draft) {
		uint256 room = most < OPERATIONS_MAX ? most : OPERATIONS_MAX;
		uint256 data;

		// Not zeroed: nothing of it is read before it is written.
		assembly ("memory-safe") {
			data := mload(0x40)
			mstore(0x40, add(data, add(DATA_HEAD_BYTES, mul(room, LEAF_BYTES))))
		}
		draft.room = room;
		draft.data = data;
		draft.nodes = new bytes32[](room);
		draft.records = new bytes(Identity.RECORD_BYTES * (room < WRITTEN_MAX ? room : WRITTEN_MAX));
		draft.domain = Signature.domainSeparator();
	}

	function _takeGiven(Draft memory draft, Operation[] calldata operations, bytes32 requestId) private {
		Change memory change;
		uint256 memoryEnd;

		assembly ("memory-safe") {
			memoryEnd := mload(0x40)
		}
		for (uint256 i = 0; i < operations.length; ++i) {
			Operation calldata operation = operations[i];
			bytes4 reason = LowGas.selector;

			_read(operation, change);
			if (
				gasleft() >= BATCH_GAS + OPERATION_GAS + OPERATION_GAS_SKIP * operations.length
					+ OPERATION_GAS_PER_BYTE * (operation.signature.length + operation.consent.length)
			) {
				State memory state = states[change.subject];
				address recovery = change.kind == Identity.ROTATE && state.recoverable
					? recoveryOf[change.subject] : address(0);

				reason = _judgeSigned(draft, operation, change, state, recovery);
				if (reason == 0)
					reason = _judgeRoom(draft, change);
				if (reason == 0) {
					if (change.recovery != address(0))
						recoveryOf[change.subject] = change.recovery;
					else if (change.kind == Identity.UPDATE && state.recoverable)
						delete recoveryOf[change.subject];
					_join(draft, change, state);
				}
			}
			if (reason != 0)
				emit OperationSkipped(requestId, i, change.subject, reason);
			// Nothing made for this operation is used again: without this, memory would cost more each time.
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
	}

	/// In order. One that is no longer good is dropped; one there is no room or gas for stays the next.
	function _takeQueued(Draft memory draft, uint256 take, uint256 index, bytes32 requestId) private {
		uint64 next = queueNext;
		uint64 end = queueEnd;
		uint256 memoryEnd;

		assembly ("memory-safe") {
			memoryEnd := mload(0x40)
		}
		for (; take != 0 && next != end; --take) {
			if (gasleft() < BATCH_GAS + OPERATION_GAS)
				break;
			Change memory change = _readQueued(queued[next]);
			State memory state = states[change.subject];
			bytes4 reason = _judge(change, state);

			if (reason == 0 && _judgeRoom(draft, change) != 0)
				break;
			if (state.recoverable)
				change.recovery = recoveryOf[change.subject];
			if (reason == 0)
				_join(draft, change, state);
			else
				emit OperationSkipped(requestId, index, change.subject, reason);
			delete queued[next++];
			++index;
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
		queueNext = next;
	}

	/// Writes down what a good operation makes of its identity, here and in the batch.
	function _join(Draft memory draft, Change memory change, State memory state) private {
		bytes32 subject = change.subject;
		address owner = change.kind == Identity.ROTATE ? change.account
			: change.kind == Identity.REVOKE ? address(0) : change.owner;
		bytes32 dataHash = change.dataHash;
		uint256 version = change.version;
		uint256 leaf = draft.data + DATA_HEAD_BYTES + draft.count * LEAF_BYTES;
		bytes32 node;

		_advance(change, state);
		states[subject] = state;
		// abi.encode of the leaf, where the event wants it.
		assembly ("memory-safe") {
			mstore(leaf, subject)
			mstore(add(leaf, 32), owner)
			mstore(add(leaf, 64), dataHash)
			mstore(add(leaf, 96), version)
			mstore(0, keccak256(leaf, LEAF_BYTES))
			node := keccak256(0, 32)
		}
		draft.nodes[draft.count] = node;
		if (_isWritten(change))
			_addRecord(draft, change, owner);
		++draft.count;
	}

	/// In place, from the left: what a word overwrites on its right comes next.
	function _addRecord(Draft memory draft, Change memory change, address ownerAfter) private pure {
		bytes memory records = draft.records;
		uint256 index = draft.count;
		uint256 kind = change.kind;
		uint256 version = change.version;
		bytes32 subject = change.subject;
		address firstOwner = change.firstOwner;
		address owner = change.owner;
		bytes32 dataHash = change.dataHash;
		uint256 at = draft.written++ * Identity.RECORD_BYTES;

		assembly ("memory-safe") {
			at := add(add(records, 32), at)
			mstore(at, shl(224, index))
			mstore(add(at, 4), shl(248, kind))
			mstore(add(at, 5), shl(192, version))
			mstore(add(at, 13), subject)
			mstore(add(at, 45), shl(96, firstOwner))
			mstore(add(at, 65), shl(96, owner))
			mstore(add(at, 85), shl(96, ownerAfter))
			mstore(add(at, 105), dataHash)
		}
	}

	function _send(Draft memory draft, bytes32 requestId) private returns (uint64 number, bytes32 guid) {
		bytes32 prevRoot = lastRoot;
		bytes32 root = Identity.rootOf(draft.nodes, draft.count);
		bytes memory records = draft.records;
		uint256 size = draft.written * Identity.RECORD_BYTES;

		assembly ("memory-safe") {
			mstore(records, size)
		}
		number = ++lastNumber;
		lastRoot = root;
		batchOf[msg.sender][requestId] = number;
		guid = endpoint.send{ value: msg.value }(
			MessagingParams(
				mainEid,
				_getPeerOrRevert(mainEid),
				abi.encodePacked(
					Identity.BATCH,
					number,
					msg.sender,
					requestId,
					prevRoot,
					root,
					uint32(draft.count),
					_dataHash(draft),
					uint16(draft.written),
					records
				),
				_options(draft.written),
				false
			),
			address(this)
		).guid;
		_emitBatch(draft, number, requestId, guid, prevRoot, root);
		emit Sent(requestId, guid);
	}

	/// keccak256(abi.encode(leaves))
	function _dataHash(Draft memory draft) private pure returns (bytes32 hash) {
		uint256 data = draft.data;
		uint256 count = draft.count;

		assembly ("memory-safe") {
			mstore(add(data, 96), 32)
			mstore(add(data, 128), count)
			hash := keccak256(add(data, 96), add(64, mul(count, LEAF_BYTES)))
		}
	}

	/// The leaves lie where the event wants them: emitted by hand, they need no copy.
	function _emitBatch(
		Draft memory draft,
		uint256 batch,
		bytes32 requestId,
		bytes32 guid,
		bytes32 prevRoot,
		bytes32 root
	) private {
		bytes32 topic = Batch.selector;
		uint256 data = draft.data;
		uint256 count = draft.count;

		assembly ("memory-safe") {
			mstore(data, guid)
			mstore(add(data, 32), prevRoot)
			mstore(add(data, 64), root)
			mstore(add(data, 96), 128)
			mstore(add(data, 128), count)
			log3(data, add(DATA_HEAD_BYTES, mul(count, LEAF_BYTES)), topic, batch, requestId)
		}
	}

	function _read(Operation calldata operation, Change memory change) private view {
		change.kind = operation.kind;
		change.version = operation.version;
		change.eager = operation.eager;
		change.home = operation.homeChainId == block.chainid;
		change.firstOwner = operation.firstOwner;
		change.subject =
			Identity.subjectOf(operation.homeChainId, change.firstOwner, operation.salt);
		change.owner = operation.owner;
		change.account = operation.account;
		change.recovery = operation.recovery;
		change.dataHash = operation.dataHash;
	}

	function _readQueued(Queued storage entry) private view returns (Change memory change) {
		change.kind = entry.kind;
		change.version = entry.version;
		change.eager = entry.eager;
		change.home = entry.home;
		change.subject = entry.subject;
		change.firstOwner = entry.firstOwner;
		change.owner = entry.owner;
		change.dataHash = entry.dataHash;
	}

	/// 0, or why an operation cannot be: its form, then what is known here of its identity.
	function _judge(Change memory change, State memory state) private pure returns (bytes4) {
		uint8 kind = change.kind;

		if (kind < Identity.REGISTER || kind > Identity.REVOKE)
			return BadKind.selector;
		if (change.firstOwner == address(0))
			return BadOwner.selector;
		if (kind == Identity.REGISTER ? change.version != 1 : change.version < 2)
			return BadVersion.selector;
		if (kind == Identity.REGISTER && !change.home)
			return WrongChain.selector;
		if (
			kind == Identity.LINK || kind == Identity.ROTATE
				? change.account == address(0) || change.account == change.owner
				: change.account != address(0)
		) return BadAccount.selector;
		if (kind > Identity.UPDATE && change.recovery != address(0))
			return BadRecovery.selector;
		if (kind == Identity.REVOKE && change.dataHash != 0)
			return BadData.selector;
		if (state.revoked)
			return IsRevoked.selector;
		if (kind == Identity.REGISTER) {
			if (state.version != 0)
				return AlreadyRegistered.selector;
		} else {
			if (change.home && state.version == 0)
				return NotRegistered.selector;
			if (change.version <= state.version)
				return StaleVersion.selector;
		}
		if (change.owner != (state.owner == address(0) ? change.firstOwner : state.owner))
			return BadOwner.selector;
		return 0;
	}

	/// The same, and who signed.
	function _judgeSigned(
		Draft memory draft,
		Operation calldata operation,
		Change memory change,
		State memory state,
		address recovery
	) private view returns (bytes4 reason) {
		reason = _judge(change, state);
		if (reason != 0)
			return reason;
		if (block.timestamp > operation.deadline)
			return Expired.selector;
		bytes32 digest = Signature.digestOf(draft.domain, _structHash(operation));

		if (
			!Signature.isBy(change.owner, digest, operation.signature)
				&& (
					change.kind != Identity.ROTATE || recovery == address(0)
						|| !Signature.isBy(recovery, digest, operation.signature)
				)
		) return BadSignature.selector;
		if (
			change.account == address(0)
				? operation.consent.length != 0
				: !Signature.isBy(change.account, digest, operation.consent)
		) return BadConsent.selector;
		return 0;
	}

	function _judgeRoom(Draft memory draft, Change memory change) private pure returns (bytes4) {
		if (draft.count == draft.room)
			return BatchFull.selector;
		if (draft.written == WRITTEN_MAX && _isWritten(change))
			return TooManyWritten.selector;
		return 0;
	}

	function _isWritten(Change memory change) private pure returns (bool) {
		return change.eager || change.kind >= Identity.ROTATE;
	}

	function _advance(Change memory change, State memory state) private pure {
		state.version = change.version;
		if (change.kind <= Identity.UPDATE)
			state.recoverable = change.recovery != address(0);
		else if (change.kind == Identity.ROTATE)
			state.owner = change.account;
		else if (change.kind == Identity.REVOKE)
			state.revoked = true;
	}

	function _structHash(Operation calldata operation) private view returns (bytes32) {
		return keccak256(
			abi.encode(
				OPERATION_TYPEHASH,
				_kindHash(operation.kind),
				mainEid,
				operation.homeChainId,
				operation.firstOwner,
				operation.salt,
				operation.owner,
				operation.account,
				operation.recovery,
				operation.dataHash,
				operation.version,
				operation.eager,
				operation.deadline
			)
		);
	}

	/// The word that stands for the kind in what an owner signs.
	function _kindHash(uint8 kind) private pure returns (bytes32) {
		if (kind == Identity.REGISTER)
			return keccak256("register");
		if (kind == Identity.UPDATE)
			return keccak256("update");
		if (kind == Identity.LINK)
			return keccak256("link");
		if (kind == Identity.ROTATE)
			return keccak256("rotate");
		return kind == Identity.REVOKE ? keccak256("revoke") : bytes32(0);
	}

	/// LayerZero options, type 3, with one lzReceive option.
	function _options(uint256 written) private pure returns (bytes memory) {
		return abi.encodePacked(hex"0003_01_0011_01", uint128(RECEIVE_GAS + written * WRITE_GAS));
	}

	/// Room for `count` subjects: places are a power of two, at most half of them taken.
	function _newSeen(uint256 count) private pure returns (Seen memory seen) {
		uint256 places = 2;

		while (places < 2 * count)
			places *= 2;
		seen.subjects = new bytes32[](places);
		seen.states = new State[](places);
		seen.recoveries = new address[](places);
	}

	/// The subject's place; what is stored of it, when it is new.
	function _lookUp(Seen memory seen, bytes32 subject) private view returns (uint256 at) {
		uint256 last = seen.subjects.length - 1;

		for (at = uint256(subject) & last; seen.subjects[at] != subject; at = (at + 1) & last) {
			if (seen.subjects[at] == 0) {
				seen.subjects[at] = subject;
				seen.states[at] = states[subject];
				seen.recoveries[at] = recoveryOf[subject];
				break;
			}
		}
	}

	/// The main registry's answer. The endpoint and the peer are checked by the caller, OAppReceiver.lzReceive.
	function _lzReceive(
		Origin calldata,
		bytes32 guid,
		bytes calldata message,
		address,
		bytes calldata
	) internal override {
		if (msg.value != 0)
			revert UnexpectedValue();
		if (message.length < Identity.ANSWER_HEADER_BYTES || bytes2(message[:2]) != Identity.ANSWER)
			revert BadMessage();
		uint256 left = uint16(bytes2(message[34:36]));
		bytes calldata rest = message[Identity.ANSWER_HEADER_BYTES:];

		for (; left != 0; --left)
			rest = _takeAnswer(rest);
		if (rest.length != 0)
			revert BadMessage();
		emit Received(guid, bytes32(message[2:34]));
	}

	/// Stores the first answer in `entries` and returns the others. One that is known already stands.
	function _takeAnswer(bytes calldata entries) private returns (bytes calldata) {
		if (entries.length < Identity.ANSWER_ENTRY_BYTES)
			revert BadMessage();
		uint64 number = uint64(bytes8(entries[:8]));
		bytes32 root = bytes32(entries[8:40]);
		uint32 accepted = uint32(bytes4(entries[40:44]));
		uint32[] memory rejected = new uint32[](uint16(bytes2(entries[44:46])));

		entries = entries[Identity.ANSWER_ENTRY_BYTES:];
		if (entries.length < rejected.length * Identity.ANSWER_INDEX_BYTES)
			revert BadMessage();
		for (uint256 i = 0; i < rejected.length; ++i) {
			rejected[i] = uint32(bytes4(entries[:4]));
			entries = entries[Identity.ANSWER_INDEX_BYTES:];
		}
		if (!answerOf[number].known) {
			answerOf[number] = Answer(root, accepted, uint32(rejected.length), true);
			emit Answered(number, root, accepted, rejected);
		}
		return entries;
	}
}
