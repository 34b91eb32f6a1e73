# Writes nodes and what onnxruntime 1.31.1 gives for them to a file: python make.py given.json (numpy, onnx 1.23.2).
import numpy as np, onnx, base64, json, sys
from onnx import helper, numpy_helper, TensorProto
import onnxruntime as ort
rng=np.random.default_rng(7)
cases=[]
def f(*s,lo=-1,hi=1): return rng.uniform(lo,hi,s).astype(np.float32)
def case(name,op,ins,outs,attrs={},consts=(),opset=22,domain=""):
    names=[]; feed={}; vis=[]
    for i,v in enumerate(ins):
        if v is None: names.append(""); continue
        n=f"x{i}"; names.append(n); feed[n]=v
        vis.append(helper.make_tensor_value_info(n,helper.np_dtype_to_tensor_dtype(v.dtype),list(v.shape)))
    on=[f"z{i}" if o else "" for i,o in enumerate(outs)]
    node=helper.make_node(op,names,on,domain=domain,**attrs)
    g=helper.make_graph([node],"g",vis,[helper.make_empty_tensor_value_info(o) if False else helper.make_tensor_value_info(o,1,None) for o in on if o])
    m=helper.make_model(g,opset_imports=[helper.make_opsetid("",opset)],ir_version=10)
    s=ort.InferenceSession(m.SerializeToString(),providers=["CPUExecutionProvider"])
    r=s.run(None,feed)
    enc=lambda b: base64.b64encode(b).decode()
    cases.append(dict(name=name,node=enc(node.SerializeToString()),constants=[f"x{i}" for i in consts],
        given={k:enc(numpy_helper.from_array(v).SerializeToString()) for k,v in feed.items()},
        want={o:enc(numpy_helper.from_array(v).SerializeToString()) for o,v in zip([o for o in on if o],r)}))
T,B,I,H=4,3,2,3
def rnn(op,name,D=1,lens=None,init=True,bias=True,peep=False,consts=(),**a):
    g={"RNN":1,"GRU":3,"LSTM":4}[op]
    ins=[f(T,B,I),f(D,g*H,I),f(D,g*H,H),f(D,2*g*H) if bias else None, None if lens is None else np.array(lens,np.int32)]
    ins.append(f(D,B,H) if init else None)
    outs=[1,1]
    if op=="LSTM":
        ins.append(f(D,B,H) if init else None); outs.append(1)
        if peep: ins.append(f(D,3*H))
    while ins[-1] is None: ins.pop()
    case(f"{op} {name}",op,ins,outs,dict(hidden_size=H,**a),consts)
for op in ("RNN","GRU","LSTM"):
    rnn(op,"bidirectional",2,direction="bidirectional")
    rnn(op,"lengths",2,lens=[4,1,2],direction="bidirectional")
    rnn(op,"all lengths",1,lens=[4,4,4],consts=(4,))
    rnn(op,"clip",1,clip=0.3,bias=False)
    rnn(op,"reverse lengths",1,lens=[1,3,4],direction="reverse",init=False)
rnn("GRU","linear before reset",1,linear_before_reset=1)
rnn("GRU","linear before reset, no bias",1,bias=False,linear_before_reset=1)
rnn("LSTM","peepholes",1,peep=True,clip=0.5)
rnn("LSTM","input forget",1,input_forget=1)
rnn("LSTM","input forget, peepholes",2,peep=True,input_forget=1,direction="bidirectional")
rnn("LSTM","activations",1,activations=["HardSigmoid","ScaledTanh","Affine"],activation_alpha=[0.3,0.9,0.7],activation_beta=[0.4,0.8,0.1])
rnn("RNN","activations",2,direction="bidirectional",activations=["LeakyRelu","Softsign"],activation_alpha=[0.2],activation_beta=[0.0])
rnn("GRU","activations",1,activations=["Sigmoid","Elu"],activation_alpha=[0.5],activation_beta=[0.0])
def q(*s): return f(*s)
case("Attention 23","Attention",[q(2,3,4,8),q(2,3,6,8),q(2,3,6,8),q(4,6)],[1],dict(is_causal=1),opset=23)
case("Attention grouped past","Attention",[q(2,4,12),q(2,4,6),q(2,4,6),None,q(2,2,3,3),q(2,2,3,3)],[1,1,1],dict(q_num_heads=4,kv_num_heads=2,is_causal=1,scale=0.7),opset=23)
m=np.ones((4,6),bool); m[:,4:]=False; m[0,1]=False
case("Attention bool mask","Attention",[q(2,3,4,8),q(2,3,6,8),q(2,3,6,4),m],[1],dict(softcap=1.5),opset=23)
for i,(e,sh) in enumerate([("bhwc,hkc->bhwk",[(2,3,4,5),(3,6,5)]),("ij,jk,kl->il",[(2,3),(3,4),(4,5)]),("...ij,...jk->...ik",[(2,3,4),(2,4,2)]),("ii->i",[(3,3)]),("ij->",[(3,4)]),("i,j->ij",[(3,),(4,)]),("bij,bkj->bik",[(2,3,4),(2,5,4)]),("ij,ij->j",[(3,4),(3,4)]),("abc,cb",[(2,3,4),(4,3)])]):
    case("Einsum "+e,"Einsum",[f(*s) for s in sh],[1],dict(equation=e),opset=20)
case("DFT","DFT",[f(2,5,3,2)],[1],dict(axis=1),opset=17)
case("DFT back","DFT",[f(2,5,2)],[1],dict(inverse=1),opset=17)
case("DFT of one side","DFT",[f(2,6,1),np.array(8,np.int64)],[1],dict(onesided=1),consts=(1,),opset=17)
case("STFT","STFT",[f(2,12,1),np.array(3,np.int64),f(5),np.array(5,np.int64)],[1],{},consts=(1,3),opset=17)
case("MelWeightMatrix","MelWeightMatrix",[np.array(8,np.int64),np.array(32,np.int64),np.array(16000,np.int64),np.array(100,np.float32),np.array(7000,np.float32)],[1],{},consts=(0,1,2,3,4),opset=17)
json.dump(cases,open(sys.argv[1],"w"),indent=0)
