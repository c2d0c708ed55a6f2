// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Origin } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import {
	MessagingParams
} from "@layerzerolabs/lz-evm-protocol-v2/contracts/interfaces/ILayerZeroEndpointV2.sol";
import { Draft, Drafts } from "./Draft.sol";
import { Identity, Leaf, Operation } from "./Identity.sol";
import { Change, Judge, State } from "./Judge.sol";
import { Sender } from "./Sender.sol";
import { Signature } from "./Signature.sol";
import { Wrapped } from "./Wrapped.sol";

/// Where owners register identities and change them. Checks each operation's signature here, once, and sends
/// a batch of them as one message to the main registry: the root of their Merkle tree, and in full those that
/// are written on arrival. The leaves are in the Batch event, so anyone can make every proof.
///
/// A registry knows only what went through itself. That an identity was rotated or revoked through another one
/// is for the main registry to judge.
contract ProxyRegistry is Sender, Judge {
	using Drafts for Draft;

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

	/// Subjects that `check` came across, with what it found or made of them: a hash table.
	struct Seen {
		bytes32[] subjects;
		State[] states;
		address[] recoveries;
	}

	uint256 public constant OPERATIONS_MAX = 500; // members a batch
	uint256 public constant WRITTEN_MAX = 50;     // of them written on arrival
	/// Gas of EndpointV2.lzReceive for a batch, and for each of its records.
	uint256 public constant RECEIVE_GAS = 150_000;
	uint256 public constant WRITE_GAS = 55_000;
	/// An operation is only tried when BATCH_GAS, OPERATION_GAS, OPERATION_GAS_PER_BYTE a byte of its signatures
	/// DEPLOY_GAS for each of them that is wrapped (ERC-6492), and OPERATION_GAS_EACH for each of all operations
	/// is left: none fails because gas ran out.
	uint256 public constant BATCH_GAS = 600_000;
	uint256 public constant OPERATION_GAS = 400_000;
	uint256 public constant OPERATION_GAS_PER_BYTE = 40;
	uint256 public constant OPERATION_GAS_EACH = 4_000;

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

	// Reasons of OperationSkipped beside those of Judge. They pass: in another batch the operation may do.
	error BatchFull();
	error LowGas();
	error TooManyWritten();
	// Reasons of Skipped.
	error EmptyBatch();
	error RequestUsed();

	constructor(address endpoint_, address owner_, uint32 mainEid_)
		Sender(endpoint_, owner_)
		Judge(mainEid_)
	{}

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
		Change memory change;
		bytes4 reason = BadKind.selector;

		change.kind = kind;
		change.version = version;
		change.home = homeChainId == block.chainid;
		change.subject = subject;
		change.firstOwner = firstOwner;
		change.owner = msg.sender;
		change.dataHash = dataHash;
		if (kind != Identity.LINK && kind != Identity.ROTATE)
			reason = _judge(change, states[subject]);
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

	/// What `submit` would say of each, one after the other; 0: it would be in the batch. LowGas: the gas for this
	/// call was too little. For eth_call: nothing is kept of it but wallets that were made, which anybody may make.
	function check(Operation[] calldata operations) external returns (bytes4[] memory reasons) {
		Draft memory draft = _newDraft(operations.length);
		Change memory change;
		Seen memory seen = _newSeen(operations.length);

		reasons = new bytes4[](operations.length);
		for (uint256 i = 0; i < operations.length; ++i) {
			_read(operations[i], change);
			uint256 at = _lookUp(seen, change.subject);
			State state = seen.states[at];
			address recovery = seen.recoveries[at];

			reasons[i] = _judge(change, state);
			if (reasons[i] == 0 && gasleft() < OPERATION_GAS + _signatureGas(operations[i]))
				reasons[i] = LowGas.selector;
			if (reasons[i] == 0)
				reasons[i] = _judgeSignatures(operations[i], change, recovery, draft.domain);
			if (reasons[i] == 0)
				reasons[i] = _judgeRoom(draft, change);
			if (reasons[i] == 0) {
				seen.states[at] = _after(change, state);
				if (change.kind <= Identity.UPDATE)
					seen.recoveries[at] = change.recovery;
				++draft.count;
				if (_isWritten(change))
					++draft.written;
			}
		}
	}

	/// Whether `submit` would take a signature of `account` over a digest: 0, BadSignature, NoWallet, or LowGas.
	/// For eth_call, as `check`.
	function checkSignature(address account, bytes32 digest, bytes calldata signature)
		external
		returns (bytes4)
	{
		uint256 needed = OPERATION_GAS + OPERATION_GAS_PER_BYTE * signature.length;

		if (gasleft() < needed + (Wrapped.isOne(signature) ? DEPLOY_GAS : 0))
			return LowGas.selector;
		if (account == address(0))
			return BadSignature.selector;
		return _judgeSignature(account, address(0), digest, signature);
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
		Change memory change;

		_read(operation, change);
		return (change.subject, _digest(change, Signature.domainSeparator()));
	}

	/// owner 0: not rotated here. version 0: never seen here.
	function stateOf(bytes32 subject)
		external
		view
		returns (address owner, uint64 version, bool revoked)
	{
		State state = states[subject];
		return (state.ownerOf(), state.versionOf(), state.isRevoked());
	}

	/// For a batch of at most so many.
	function _newDraft(uint256 most) private view returns (Draft memory draft) {
		uint256 room = most < OPERATIONS_MAX ? most : OPERATIONS_MAX;

		draft = Drafts.create(room, room < WRITTEN_MAX ? room : WRITTEN_MAX);
		draft.domain = Signature.domainSeparator();
		draft.reserve = BATCH_GAS + OPERATION_GAS + OPERATION_GAS_EACH * most;
	}

	function _takeGiven(Draft memory draft, Operation[] calldata operations, bytes32 requestId) private {
		Change memory change;
		uint256 form =
			Drafts.newForm(OPERATION_TYPEHASH, _kindHash(Identity.REGISTER), mainEid, draft.domain);
		uint256 statesSlot;
		uint256 memoryEnd;

		assembly ("memory-safe") {
			statesSlot := states.slot
			memoryEnd := mload(0x40)
		}
		for (uint256 i = 0; ; ++i) {
			i = draft.addPlain(form, operations, i, statesSlot);
			if (i == operations.length)
				break;
			bytes4 reason = _take(draft, operations[i], change);

			if (reason != 0)
				emit OperationSkipped(requestId, i, change.subject, reason);
			// Nothing made for this operation is used again: without this, memory would cost more each time.
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
	}

	/// Puts an operation into the batch, or returns why not. A stranger's code may run while its signatures are
	/// judged. What was read before holds afterwards: only `submit` writes it, and that is locked. Meanwhile more
	/// may be queued and an answer may come; neither touches a draft.
	function _take(Draft memory draft, Operation calldata operation, Change memory change)
		private
		returns (bytes4 reason)
	{
		_read(operation, change);
		if (gasleft() < draft.reserve + _signatureGas(operation))
			return LowGas.selector;
		bytes32 subject = change.subject;
		State state = states[subject];

		reason = _judge(change, state);
		if (reason == 0)
			reason = _judgeSignatures(
				operation,
				change,
				change.kind == Identity.ROTATE ? recoveryOf[subject] : address(0),
				draft.domain
			);
		if (reason == 0)
			reason = _judgeRoom(draft, change);
		if (reason != 0)
			return reason;
		if (change.recovery != address(0))
			recoveryOf[subject] = change.recovery;
		else if (change.kind == Identity.UPDATE && state.isRecoverable())
			delete recoveryOf[subject];
		_join(draft, change, state);
	}

	/// What an operation may need for its signatures, beside OPERATION_GAS.
	function _signatureGas(Operation calldata operation) private pure returns (uint256 gas) {
		gas = OPERATION_GAS_PER_BYTE * (operation.signature.length + operation.consent.length);
		if (Wrapped.isOne(operation.signature))
			gas += DEPLOY_GAS;
		if (Wrapped.isOne(operation.consent))
			gas += DEPLOY_GAS;
	}

	/// In order. One that is no longer good is dropped; one there is no room or gas for stays the next.
	function _takeQueued(Draft memory draft, uint256 take, uint256 index, bytes32 requestId) private {
		uint64 next = queueNext;
		uint64 end = queueEnd;
		uint256 memoryEnd;

		assembly ("memory-safe") {
			memoryEnd := mload(0x40)
		}
		for (; take != 0 && next != end && gasleft() >= draft.reserve; --take) {
			Change memory change = _readQueued(queued[next]);
			State state = states[change.subject];
			bytes4 reason = _judge(change, state);

			if (reason != 0) {
				emit OperationSkipped(requestId, index, change.subject, reason);
			} else {
				if (_judgeRoom(draft, change) != 0)
					break;
				if (state.isRecoverable())
					change.recovery = recoveryOf[change.subject];
				_join(draft, change, state);
			}
			delete queued[next++];
			++index;
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
		queueNext = next;
	}

	/// Writes down what a good operation makes of its identity, here and in the batch.
	function _join(Draft memory draft, Change memory change, State state) private {
		address owner = change.kind == Identity.ROTATE ? change.account
			: change.kind == Identity.REVOKE ? address(0) : change.owner;

		states[change.subject] = _after(change, state);
		if (_isWritten(change))
			draft.addRecord(change, owner);
		draft.addLeaf(change.subject, owner, change.dataHash, change.version);
	}

	function _send(Draft memory draft, bytes32 requestId) private returns (uint64 number, bytes32 guid) {
		bytes32 prevRoot = lastRoot;
		bytes32 root = Identity.rootOf(draft.nodes, draft.count);

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
					draft.dataHash(),
					uint16(draft.written),
					draft.records
				),
				_options(draft.written),
				false
			),
			address(this)
		).guid;
		draft.log(Batch.selector, number, requestId, guid, prevRoot, root);
		emit Sent(requestId, guid);
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

	function _judgeRoom(Draft memory draft, Change memory change) private pure returns (bytes4) {
		if (draft.count == draft.room)
			return BatchFull.selector;
		if (draft.written == draft.writtenRoom && _isWritten(change))
			return TooManyWritten.selector;
		return 0;
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
